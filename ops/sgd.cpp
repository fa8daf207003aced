#include "ops/sgd.hpp"

#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/check.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/sgd.hpp"

namespace vitrine {
namespace {

constexpr int64_t kChunkElements = 1 << 14;  // 64 KiB of each array: some microseconds

}  // namespace

void sgd_(Tensor& param, const Tensor& grad, Tensor& buffer, const SgdOptions& options) {
  const ProfileScope profile("sgd");
  check(param.defined(), "sgd", "param must be a tensor, got nothing");
  check_shape("sgd", "grad", grad, param.shape());
  const bool has_buffer = options.momentum != 0;
  if (has_buffer) check_shape("sgd", "buffer", buffer, param.shape());
  check(has_buffer || !options.nesterov, "sgd", "nesterov wants momentum > 0");
  const kernels::SgdStep step{.lr = static_cast<float>(options.lr),
                              .momentum = static_cast<float>(options.momentum),
                              .weight_decay = static_cast<float>(options.weight_decay),
                              .nesterov = options.nesterov};
  float* p = param.mutable_data();
  float* b = has_buffer ? buffer.mutable_data() : nullptr;
  const kernels::Sgd& kernel = *kernels::active().sgd;
  parallel_for(param.numel(), kChunkElements, [&](int64_t begin, int64_t end) {
    kernel.update(end - begin, step, grad.data() + begin, p + begin,
                  b == nullptr ? nullptr : b + begin);
  });
}

}  // namespace vitrine
