#include "ops/normalize.hpp"

#include <fmt/format.h>

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/normalize.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 14;

int64_t checked_channels(std::span<const float> mean, std::span<const float> stddev) {
  const auto channels = static_cast<int64_t>(mean.size());
  if (channels < 1 || channels > kMaxNormalizeChannels || stddev.size() != mean.size()) {
    throw ShapeError(fmt::format(
        "[normalize_u8] mean and stddev must have one number per channel, 1 to {}; got {} and {}",
        kMaxNormalizeChannels, mean.size(), stddev.size()));
  }
  return channels;
}

}  // namespace

Tensor normalize_u8(std::span<const uint8_t> pixels, const Shape& shape,
                    std::span<const float> mean, std::span<const float> stddev) {
  const int64_t channels = checked_channels(mean, stddev);
  if (shape.rank() != 4 || shape[3] != channels ||
      shape.numel() != static_cast<int64_t>(pixels.size())) {
    throw ShapeError(fmt::format("[normalize_u8] shape must be (B, H, W, {}) for {} bytes, got {}",
                                 channels, pixels.size(), shape.str()));
  }
  Tensor images = Tensor::empty(shape);
  float* to = images.mutable_data();
  const kernels::Normalize& kernel = *kernels::active().normalize_u8;
  parallel_for(shape.numel() / channels, kChunkElements / channels,
               [&](int64_t begin, int64_t end) {
                 kernel.pixels(end - begin, channels, pixels.data() + begin * channels, mean.data(),
                               stddev.data(), to + begin * channels);
               });
  return images;
}

void normalize_u8_into(std::span<const uint8_t> pixels, std::span<const float> mean,
                       std::span<const float> stddev, std::span<float> to) {
  const int64_t channels = checked_channels(mean, stddev);
  const auto bytes = static_cast<int64_t>(pixels.size());
  if (bytes % channels != 0 || to.size() != pixels.size()) {
    throw ShapeError(fmt::format("[normalize_u8] {} bytes of {} channels do not fit {} floats",
                                 bytes, channels, to.size()));
  }
  kernels::active().normalize_u8->pixels(bytes / channels, channels, pixels.data(), mean.data(),
                                         stddev.data(), to.data());
}

}  // namespace vitrine
