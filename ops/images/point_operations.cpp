#include "ops/images/point_operations.hpp"

#include <algorithm>
#include <array>

namespace vitrine {
namespace {

constexpr int kLevels = 256;

using Curve = std::array<uint8_t, kLevels>;      // the new level of each
using Histogram = std::array<int64_t, kLevels>;  // how often each occurs

template <class F>
Curve curve_of(const F& f) {
  Curve curve;
  for (int v = 0; v < kLevels; ++v) {
    curve[static_cast<size_t>(v)] = static_cast<uint8_t>(std::clamp<int64_t>(f(v), 0, 255));
  }
  return curve;
}

void apply(const Curve& curve, Image& image) {
  for (uint8_t& v : image.pixels) v = curve[v];
}

/// f(histogram of a channel) is the channel's curve.
template <class F>
void apply_to_channels(Image& image, const F& f) {
  const auto channels = static_cast<size_t>(image.channels);
  for (size_t c = 0; c < channels; ++c) {
    Histogram histogram{};
    for (size_t i = c; i < image.pixels.size(); i += channels) ++histogram[image.pixels[i]];
    const Curve curve = f(histogram);
    for (size_t i = c; i < image.pixels.size(); i += channels) {
      image.pixels[i] = curve[image.pixels[i]];
    }
  }
}

constexpr auto kSame = [](int v) { return v; };

bool occurs(int64_t count) { return count > 0; }

Curve spread(const Histogram& h) {
  const auto low = static_cast<int>(std::find_if(h.begin(), h.end(), occurs) - h.begin());
  const auto high = static_cast<int>(h.rend() - std::find_if(h.rbegin(), h.rend(), occurs)) - 1;
  if (high <= low) return curve_of(kSame);
  const double scale = 255.0 / (high - low);
  const double offset = -low * scale;
  return curve_of([&](int v) { return static_cast<int64_t>(v * scale + offset); });
}

Curve equalizing(const Histogram& h) {
  const auto last = std::find_if(h.rbegin(), h.rend(), occurs);
  if (last == h.rend() || std::ranges::count_if(h, occurs) == 1) return curve_of(kSame);
  int64_t step = -*last;
  for (const int64_t count : h) step += count;
  step /= 255;
  if (step == 0) return curve_of(kSame);
  int64_t below = step / 2;
  return curve_of([&](int v) {
    const int64_t level = below / step;
    below += h[static_cast<size_t>(v)];
    return level;
  });
}

}  // namespace

void auto_contrast(Image& image) { apply_to_channels(image, spread); }

void equalize(Image& image) { apply_to_channels(image, equalizing); }

void invert(Image& image) {
  apply(curve_of([](int v) { return 255 - v; }), image);
}

void posterize(Image& image, int bits) {
  const int mask = 0xFF << (8 - std::clamp(bits, 0, 8));
  apply(curve_of([&](int v) { return v & mask & 0xFF; }), image);
}

void solarize(Image& image, int threshold) {
  apply(curve_of([&](int v) { return v < threshold ? v : 255 - v; }), image);
}

void solarize_add(Image& image, int amount, int threshold) {
  apply(curve_of([&](int v) { return v < threshold ? v + amount : v; }), image);
}

}  // namespace vitrine
