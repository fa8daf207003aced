#include "models/networks/init.hpp"

#include <cmath>
#include <span>

#include "core/hash.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"

namespace vitrine {
namespace {

// Each chunk has a stream of its own, so that a large matrix is filled on all threads.
constexpr int64_t kChunk = 1 << 14;

/// tensor[i] = draw(random) with a generator that depends on seed, name and i's chunk.
template <class Draw>
void fill(Tensor& tensor, uint64_t seed, const std::string& name, const Draw& draw) {
  float* to = tensor.mutable_data();
  const uint64_t stream = fnv1a(std::as_bytes(std::span(name)));  // one for each name
  parallel_chunks(tensor.numel(), kChunk, [&](int64_t chunk, int64_t begin, int64_t end, int) {
    Random random(seed, RandomPlace::kInit, stream + static_cast<uint64_t>(chunk));
    for (int64_t i = begin; i < end; ++i) to[i] = static_cast<float>(draw(random));
  });
}

}  // namespace

void fill_truncated_normal(Tensor& tensor, double deviation, uint64_t seed,
                           const std::string& name) {
  fill(tensor, seed, name, [deviation](Random& random) {
    double value = random.normal() * deviation;
    while (std::abs(value) > 2) value = random.normal() * deviation;
    return value;
  });
}

void fill_cut_normal(Tensor& tensor, double deviation, uint64_t seed, const std::string& name) {
  // The deviation of a unit normal that is cut at +-2.
  constexpr double kCut = 0.87962566103423978;
  fill(tensor, seed, name, [wide = deviation / kCut](Random& random) {
    double value = random.normal();
    while (std::abs(value) > 2) value = random.normal();
    return value * wide;
  });
}

void fill_uniform(Tensor& tensor, double bound, uint64_t seed, const std::string& name) {
  fill(tensor, seed, name,
       [bound](Random& random) { return (2 * double{random.uniform()} - 1) * bound; });
}

void fill_he_normal(Tensor& tensor, uint64_t seed, const std::string& name) {
  const auto outputs = static_cast<double>(tensor.dim(0) * tensor.dim(2) * tensor.dim(3));
  fill(tensor, seed, name, [deviation = std::sqrt(2 / outputs)](Random& random) {
    return random.normal() * deviation;
  });
}

}  // namespace vitrine
