#include "ops/optimizers/clip_grad_norm.hpp"

#include <cmath>
#include <vector>

#include "core/ceil_div.hpp"
#include "core/profile.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/clip_grad_norm.hpp"
#include "ops/optimizers/for_each_chunk.hpp"

namespace vitrine {
namespace {

std::vector<int64_t> sizes_of(std::span<const Tensor> tensors) {
  std::vector<int64_t> sizes;
  for (const Tensor& t : tensors) sizes.push_back(t.defined() ? t.numel() : 0);
  return sizes;
}

}  // namespace

std::vector<double> grad_squares(std::span<const Tensor> grads) {
  const ProfileScope profile("clip_grad_norm");
  const std::vector<int64_t> sizes = sizes_of(grads);
  int64_t chunks = 0;
  for (const int64_t n : sizes) chunks += ceil_div(n, kNormChunk);
  std::vector<double> partial(static_cast<size_t>(chunks));
  const kernels::ClipGradNorm& kernel = *kernels::active().clip_grad_norm;
  for_each_chunk(sizes, kNormChunk, [&](int64_t chunk, size_t tensor, int64_t begin, int64_t end) {
    partial[static_cast<size_t>(chunk)] =
        kernel.sum_squares(end - begin, grads[tensor].data() + begin);
  });
  return partial;
}

double grad_norm(std::span<const Tensor> grads) {
  double sum = 0;
  for (const double p : grad_squares(grads)) sum += p;
  return std::sqrt(sum);
}

double clip_scale(double norm, double max_norm) {
  // In double all the way: the norm is close to max_norm in every step that is not clipped.
  const double factor = max_norm / (norm + 1e-6);
  return factor >= 1 ? 1 : factor;  // NaN stays NaN
}

double clip_grad_norm(std::span<Tensor> grads, double max_norm) {
  const ProfileScope profile("clip_grad_norm");
  const double norm = grad_norm(grads);
  const double factor = clip_scale(norm, max_norm);
  if (factor == 1) return norm;  // false for NaN, which then spreads
  std::vector<float*> data;
  for (Tensor& grad : grads) data.push_back(grad.defined() ? grad.mutable_data() : nullptr);
  const kernels::ClipGradNorm& kernel = *kernels::active().clip_grad_norm;
  for_each_chunk(sizes_of(grads), kNormChunk,
                 [&](int64_t, size_t tensor, int64_t begin, int64_t end) {
                   kernel.scale(end - begin, static_cast<float>(factor), data[tensor] + begin);
                 });
  return norm;
}

}  // namespace vitrine
