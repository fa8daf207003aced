// Bytes to normalised floats:
//
//   to[i] = (from[i] / 255 - mean[i % C]) / stddev[i % C]
//
// Divisions, not products with reciprocals: the result must have the bits of the formula above.

#include "ops/kernels/normalize.hpp"

#include "ops/simd/pixels.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

template <int kChannels>
void normalize(int64_t pixels, const uint8_t* from, const float* mean, const float* stddev,
               float* to) {
  // Which channel a lane holds repeats after kChannels vectors.
  constexpr int64_t kStep = kChannels * kLanes;
  Vec m[kChannels];
  Vec s[kChannels];
  for (int64_t v = 0; v < kChannels; ++v) {
    alignas(64) float lane_mean[kLanes];
    alignas(64) float lane_stddev[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) {
      lane_mean[i] = mean[(v * kLanes + i) % kChannels];
      lane_stddev[i] = stddev[(v * kLanes + i) % kChannels];
    }
    m[v] = load(lane_mean);
    s[v] = load(lane_stddev);
  }
  const auto value = [&](VecI bytes, int64_t v) {
    return (to_float(bytes) / splat(255.0F) - m[v]) / s[v];
  };

  const int64_t n = pixels * kChannels;
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    for (int64_t v = 0; v < kChannels; ++v) {
      store(to + i + v * kLanes, value(load_pixels(from + i + v * kLanes), v));
    }
  }
  for (int64_t v = 0; i < n; ++v, i += kLanes) {
    const int64_t size = n - i < kLanes ? n - i : kLanes;
    store_tail(to + i, value(load_pixels_tail(from + i, size), v), size);
  }
}

void pixels(int64_t count, int64_t channels, const uint8_t* from, const float* mean,
            const float* stddev, float* to) {
  switch (channels) {
    case 1:
      return normalize<1>(count, from, mean, stddev, to);
    case 2:
      return normalize<2>(count, from, mean, stddev, to);
    case 3:
      return normalize<3>(count, from, mean, stddev, to);
    default:
      return normalize<4>(count, from, mean, stddev, to);
  }
}

}  // namespace

extern const Normalize normalize_u8;
constinit const Normalize normalize_u8{pixels};

}  // namespace vitrine::kernels::VT_ISA
