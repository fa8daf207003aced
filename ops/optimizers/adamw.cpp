#include "ops/optimizers/adamw.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/kernels/adamw.hpp"
#include "ops/kernels/all.hpp"
#include "ops/optimizers/for_each_chunk.hpp"

namespace vitrine {
namespace {

constexpr int64_t kChunkElements = 1 << 14;  // 64 KiB of each array: some microseconds

/// The numbers of a step, in double: 1 - beta2^step would lose half its digits in float.
kernels::AdamWStep numbers_of(const AdamWItem& item, const AdamWOptions& o, int64_t step,
                              const UpdateExtras& extras) {
  const double correction1 = 1 - std::pow(o.beta1, static_cast<double>(step));
  const double correction2 = 1 - std::pow(o.beta2, static_cast<double>(step));
  const bool decoupled = o.kind == WeightDecay::kDecoupled;
  return {.grad_scale = static_cast<float>(extras.grad_scale),
          .keep = static_cast<float>(decoupled ? 1 - item.lr * item.weight_decay : 1.0),
          .l2 = static_cast<float>(decoupled ? 0.0 : item.weight_decay),
          .gain1 = static_cast<float>(1 - o.beta1),
          .gain2 = static_cast<float>(1 - o.beta2),
          .beta2 = static_cast<float>(o.beta2),
          .rate = static_cast<float>(item.lr / correction1),
          .root_scale = static_cast<float>(1 / std::sqrt(correction2)),
          .eps = static_cast<float>(o.eps),
          .ema_decay = static_cast<float>(extras.ema_decay),
          .ema_gain = static_cast<float>(1 - extras.ema_decay)};
}

void check_item(const AdamWItem& item) {
  check(item.param->defined(), "adamw", "param must be a tensor, got nothing");
  const Shape& shape = item.param->shape();
  check_shape("adamw", "grad", *item.grad, shape, "param", shape);
  check_shape("adamw", "m", *item.m, shape, "param", shape);
  check_shape("adamw", "v", *item.v, shape, "param", shape);
  if (item.average != nullptr)
    check_shape("adamw", "average", *item.average, shape, "param", shape);
}

}  // namespace

void adamw_(std::span<const AdamWItem> items, const AdamWOptions& options, int64_t step,
            const UpdateExtras& extras) {
  const ProfileScope profile("adamw");
  check_usage(step >= 1, "adamw", fmt::format("step must be at least 1, got {}", step));
  struct Arrays {
    kernels::AdamWStep numbers;
    const float* grad;
    float *param, *m, *v, *average;
  };
  std::vector<int64_t> sizes;
  std::vector<Arrays> arrays;
  for (const AdamWItem& item : items) {
    check_item(item);
    float* average = item.average == nullptr ? nullptr : item.average->mutable_data();
    sizes.push_back(item.param->numel());
    arrays.push_back({numbers_of(item, options, step, extras), item.grad->data(),
                      item.param->mutable_data(), item.m->mutable_data(), item.v->mutable_data(),
                      average});
  }
  const kernels::AdamW& kernel = *kernels::active().adamw;
  for_each_chunk(sizes, kChunkElements, [&](int64_t, size_t array, int64_t begin, int64_t end) {
    const Arrays& a = arrays[array];
    kernel.update(end - begin, a.numbers, a.grad + begin, a.param + begin, a.m + begin, a.v + begin,
                  a.average == nullptr ? nullptr : a.average + begin);
  });
}

void adamw_(Tensor& param, const Tensor& grad, Tensor& m, Tensor& v, const AdamWOptions& options,
            int64_t step) {
  const AdamWItem item{&param, &grad, &m, &v, nullptr, options.lr, options.weight_decay};
  adamw_(std::span(&item, 1), options, step);
}

}  // namespace vitrine
