#include "ops/clip_grad_norm.hpp"

#include <cmath>
#include <vector>

#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/clip_grad_norm.hpp"

namespace vitrine {
namespace {

constexpr int64_t kChunkElements = 1 << 15;  // some microseconds; where the partial sums are cut

int64_t chunks_of(const Tensor& t) {
  return t.defined() ? chunk_count(t.numel(), kChunkElements) : 0;
}

/// Calls f(chunk, tensor, begin, end) for every chunk of every tensor, in one parallel region: most
/// tensors of a network are a single small chunk.
template <class F>
void for_each_chunk(std::span<const Tensor> tensors, const F& f) {
  std::vector<int64_t> first{0};  // number of each tensor's first chunk
  for (const Tensor& t : tensors) first.push_back(first.back() + chunks_of(t));
  parallel_for(first.back(), 1, [&](int64_t chunk, int64_t) {
    const auto after = std::ranges::upper_bound(first, chunk);
    const auto tensor = static_cast<size_t>(after - first.begin()) - 1;
    const int64_t begin = (chunk - first[tensor]) * kChunkElements;
    f(chunk, tensor, begin, std::min(begin + kChunkElements, tensors[tensor].numel()));
  });
}

}  // namespace

double grad_norm(std::span<const Tensor> grads) {
  const ProfileScope profile("clip_grad_norm");
  int64_t chunks = 0;
  for (const Tensor& grad : grads) chunks += chunks_of(grad);
  std::vector<double> partial(static_cast<size_t>(chunks));
  const kernels::ClipGradNorm& kernel = *kernels::active().clip_grad_norm;
  for_each_chunk(grads, [&](int64_t chunk, size_t tensor, int64_t begin, int64_t end) {
    partial[static_cast<size_t>(chunk)] =
        kernel.sum_squares(end - begin, grads[tensor].data() + begin);
  });
  double sum = 0;
  for (const double p : partial) sum += p;
  return std::sqrt(sum);
}

double clip_grad_norm(std::span<Tensor> grads, double max_norm) {
  const ProfileScope profile("clip_grad_norm");
  const double norm = grad_norm(grads);
  // In double all the way: the norm is close to max_norm in every step that is not clipped.
  const double factor = max_norm / (norm + 1e-6);
  if (factor >= 1) return norm;  // false for NaN, which then spreads
  std::vector<float*> data;
  for (Tensor& grad : grads) data.push_back(grad.defined() ? grad.mutable_data() : nullptr);
  const kernels::ClipGradNorm& kernel = *kernels::active().clip_grad_norm;
  for_each_chunk(grads, [&](int64_t, size_t tensor, int64_t begin, int64_t end) {
    kernel.scale(end - begin, static_cast<float>(factor), data[tensor] + begin);
  });
  return norm;
}

}  // namespace vitrine
