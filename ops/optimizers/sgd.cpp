#include "ops/optimizers/sgd.hpp"

#include <vector>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/sgd.hpp"
#include "ops/optimizers/for_each_chunk.hpp"

namespace vitrine {
namespace {

constexpr int64_t kChunkElements = 1 << 14;  // 64 KiB of each array: some microseconds

void check_item(const SgdItem& item, bool has_buffer) {
  check(item.param->defined(), "sgd", "param must be a tensor, got nothing");
  const Shape& shape = item.param->shape();
  check_shape("sgd", "grad", *item.grad, shape, "param", shape);
  if (has_buffer) check_shape("sgd", "buffer", *item.buffer, shape, "param", shape);
  if (item.average != nullptr) check_shape("sgd", "average", *item.average, shape, "param", shape);
}

}  // namespace

void sgd_(std::span<const SgdItem> items, const SgdOptions& options, const UpdateExtras& extras) {
  const ProfileScope profile("sgd");
  const bool has_buffer = options.momentum != 0;
  check_usage(has_buffer || !options.nesterov, "sgd", "nesterov wants momentum > 0");
  struct Arrays {
    kernels::SgdStep step;
    const float* grad;
    float *param, *buffer, *average;
  };
  std::vector<int64_t> sizes;
  std::vector<Arrays> arrays;
  for (const SgdItem& item : items) {
    check_item(item, has_buffer);
    const kernels::SgdStep step{.grad_scale = static_cast<float>(extras.grad_scale),
                                .lr = static_cast<float>(item.lr),
                                .momentum = static_cast<float>(options.momentum),
                                .weight_decay = static_cast<float>(item.weight_decay),
                                .nesterov = options.nesterov,
                                .ema_decay = static_cast<float>(extras.ema_decay),
                                .ema_gain = static_cast<float>(1 - extras.ema_decay)};
    sizes.push_back(item.param->numel());
    arrays.push_back({step, item.grad->data(), item.param->mutable_data(),
                      has_buffer ? item.buffer->mutable_data() : nullptr,
                      item.average == nullptr ? nullptr : item.average->mutable_data()});
  }
  const kernels::Sgd& kernel = *kernels::active().sgd;
  for_each_chunk(sizes, kChunkElements, [&](int64_t, size_t array, int64_t begin, int64_t end) {
    const Arrays& a = arrays[array];
    const auto at = [begin](float* p) { return p == nullptr ? nullptr : p + begin; };
    kernel.update(end - begin, a.step, a.grad + begin, a.param + begin, at(a.buffer),
                  at(a.average));
  });
}

void sgd_(Tensor& param, const Tensor& grad, Tensor& buffer, const SgdOptions& options) {
  const SgdItem item{&param, &grad, &buffer, nullptr, options.lr, options.weight_decay};
  sgd_(std::span(&item, 1), options);
}

}  // namespace vitrine
