#include "ops/images/gaussian_blur.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr int kPasses = 3;
constexpr double kMaxRadius = 1000;
constexpr uint32_t kOne = 1U << 24;  // of the weights' fixed point

/// An average over 2 reach + 1 pixels of weight `inner`, and one more on each side of weight
/// `outer`.
struct Box {
  int64_t reach;
  uint32_t inner, outer;
};

/// The box of which three in a row have the variance of the Gaussian. In float where Pillow's is.
Box box_of(float radius) {
  const float variance = radius * radius / static_cast<float>(kPasses);
  const auto length = static_cast<float>(std::sqrt(12.0 * double{variance} + 1.0));
  const auto whole = static_cast<float>(std::floor((double{length} - 1.0) / 2.0));
  float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
  part /= 6 * (variance - (whole + 1) * (whole + 1));
  const float box = whole + part;
  const auto reach = static_cast<int64_t>(box);
  const auto inner = static_cast<uint32_t>(static_cast<float>(kOne) / (box * 2 + 1));
  return {reach, inner, (kOne - static_cast<uint32_t>(2 * reach + 1) * inner) / 2};
}

/// One moving average of `n` values `step` bytes apart, in place. `line` has room for reach + 1
/// values on either side.
void average(const Box& box, int64_t n, int64_t step, uint8_t* values, std::vector<uint8_t>& line) {
  const int64_t edge = box.reach + 1;
  std::fill_n(line.begin(), edge, values[0]);
  for (int64_t i = 0; i < n; ++i) line[static_cast<size_t>(edge + i)] = values[i * step];
  std::fill_n(line.begin() + edge + n, edge, values[(n - 1) * step]);
  uint32_t sum = 0;
  for (int64_t i = 0; i < 2 * box.reach + 1; ++i) sum += line[static_cast<size_t>(i)];
  const uint8_t* before = line.data();
  const uint8_t* behind = line.data() + 2 * edge;
  for (int64_t i = 0; i < n; ++i) {
    sum += behind[i - 1];
    sum -= before[i];
    const uint32_t both = uint32_t{before[i]} + behind[i];
    values[i * step] =
        static_cast<uint8_t>((sum * box.inner + both * box.outer + (kOne >> 1)) >> 24);
  }
}

}  // namespace

void gaussian_blur(Image& image, double radius) {
  if (!(radius >= 0 && radius <= kMaxRadius)) {
    throw UsageError(
        fmt::format("[gaussian_blur] radius must be 0 to {}, got {}", kMaxRadius, radius));
  }
  if (radius == 0) return;
  const Box box = box_of(static_cast<float>(radius));
  const int64_t channels = image.channels;
  const int64_t pitch = image.width * channels;
  std::vector<uint8_t> line(
      static_cast<size_t>(std::max(image.width, image.height) + 2 * (box.reach + 1)));
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int pass = 0; pass < kPasses; ++pass) {
        average(box, image.width, channels, image.pixels.data() + y * pitch + c, line);
      }
    }
  }
  for (int64_t x = 0; x < pitch; ++x) {
    for (int pass = 0; pass < kPasses; ++pass) {
      average(box, image.height, pitch, image.pixels.data() + x, line);
    }
  }
}

}  // namespace vitrine
