#include "ops/adamw.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/check.hpp"
#include "ops/kernels/adamw.hpp"
#include "ops/kernels/all.hpp"

namespace vitrine {
namespace {

constexpr int64_t kChunkElements = 1 << 14;  // 64 KiB of each array: some microseconds

/// The numbers of a step, in double: 1 - beta2^step would lose half its digits in float.
kernels::AdamWStep numbers_of(const AdamWOptions& o, int64_t step) {
  const double correction1 = 1 - std::pow(o.beta1, static_cast<double>(step));
  const double correction2 = 1 - std::pow(o.beta2, static_cast<double>(step));
  const bool decoupled = o.kind == WeightDecay::kDecoupled;
  return {.keep = static_cast<float>(decoupled ? 1 - o.lr * o.weight_decay : 1.0),
          .l2 = static_cast<float>(decoupled ? 0.0 : o.weight_decay),
          .gain1 = static_cast<float>(1 - o.beta1),
          .gain2 = static_cast<float>(1 - o.beta2),
          .beta2 = static_cast<float>(o.beta2),
          .rate = static_cast<float>(o.lr / correction1),
          .root_scale = static_cast<float>(1 / std::sqrt(correction2)),
          .eps = static_cast<float>(o.eps)};
}

}  // namespace

void adamw_(Tensor& param, const Tensor& grad, Tensor& m, Tensor& v, const AdamWOptions& options,
            int64_t step) {
  const ProfileScope profile("adamw");
  check(param.defined(), "adamw", "param must be a tensor, got nothing");
  check_shape("adamw", "grad", grad, param.shape());
  check_shape("adamw", "m", m, param.shape());
  check_shape("adamw", "v", v, param.shape());
  check(step >= 1, "adamw", fmt::format("step must be at least 1, got {}", step));
  const kernels::AdamWStep numbers = numbers_of(options, step);
  float* p = param.mutable_data();
  float* first = m.mutable_data();
  float* second = v.mutable_data();
  const kernels::AdamW& kernel = *kernels::active().adamw;
  parallel_for(param.numel(), kChunkElements, [&](int64_t begin, int64_t end) {
    kernel.update(end - begin, numbers, grad.data() + begin, p + begin, first + begin,
                  second + begin);
  });
}

}  // namespace vitrine
