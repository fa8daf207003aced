#include "ops/images/enhance.hpp"

#include <algorithm>
#include <cmath>

#include "core/images/luma.hpp"

namespace vitrine {
namespace {

constexpr int kRgb = 3;

/// out = base + factor (v - base), as Pillow's Image.blend has it.
class Blend {
 public:
  explicit Blend(double factor) : factor_(static_cast<float>(factor)) {}
  bool keeps() const { return factor_ == 1; }
  uint8_t operator()(uint8_t base, uint8_t v) const {
    const float mixed = static_cast<float>(base) + factor_ * static_cast<float>(v - base);
    return static_cast<uint8_t>(std::clamp(mixed, 0.0F, 255.0F));
  }

 private:
  float factor_;
};

/// Mean of the grey picture, rounded.
uint8_t mean_grey(const Image& image) {
  int64_t sum = 0;
  const auto channels = static_cast<size_t>(image.channels);
  for (size_t i = 0; i < image.pixels.size(); i += channels) {
    sum += channels == kRgb ? luma(image.pixels.data() + i) : image.pixels[i];
  }
  const auto count = static_cast<int64_t>(image.pixels.size() / channels);
  return static_cast<uint8_t>((2 * sum + count) / (2 * count));
}

void blend_with(uint8_t base, double factor, Image& image) {
  const Blend blend(factor);
  if (blend.keeps()) return;
  for (uint8_t& v : image.pixels) v = blend(base, v);
}

/// One turn of the hue is 255 steps, as in Pillow.
struct Hsv {
  uint8_t hue, saturation, value;
};

uint8_t to_byte(double v) { return static_cast<uint8_t>(std::clamp(v, 0.0, 255.0)); }

/// The widths of the types matter: Pillow divides floats and adds doubles.
Hsv to_hsv(const uint8_t* p) {
  const uint8_t high = std::max({p[0], p[1], p[2]});
  const uint8_t low = std::min({p[0], p[1], p[2]});
  if (high == low) return {0, 0, high};
  const auto range = static_cast<float>(high - low);
  const auto part = [&](int c) { return static_cast<float>(high - p[c]) / range; };
  float sextant = 0;
  if (p[0] == high) {
    sextant = part(2) - part(1);
  } else if (p[1] == high) {
    sextant = static_cast<float>(2.0 + double{part(0)} - double{part(2)});
  } else {
    sextant = static_cast<float>(4.0 + double{part(1)} - double{part(0)});
  }
  const auto hue = static_cast<float>(std::fmod(double{sextant} / 6.0 + 1.0, 1.0));
  const float saturation = range / static_cast<float>(high);
  return {to_byte(double{hue} * 255.0), to_byte(double{saturation} * 255.0), high};
}

void to_rgb(const Hsv& c, uint8_t* to) {
  if (c.saturation == 0) {
    std::fill_n(to, kRgb, c.value);
    return;
  }
  const auto s = static_cast<float>(c.saturation / 255.0);
  const double h = c.hue * 6.0 / 255.0;
  const auto sextant = static_cast<int>(h);
  const auto f = static_cast<float>(h - sextant);
  const auto scaled = [&](double share) { return to_byte(std::round(c.value * share)); };
  const uint8_t p = scaled(1.0 - double{s});
  const uint8_t q = scaled(1.0 - static_cast<double>(s * f));
  const uint8_t t = scaled(1.0 - double{s} * (1.0 - double{f}));
  const uint8_t v = c.value;
  const uint8_t rgb[6][kRgb] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}};
  std::copy_n(rgb[sextant % 6], kRgb, to);
}

}  // namespace

void adjust_color(Image& image, double factor) {
  const Blend blend(factor);
  if (image.channels != kRgb || blend.keeps()) return;
  for (size_t i = 0; i < image.pixels.size(); i += kRgb) {
    uint8_t* pixel = image.pixels.data() + i;
    const uint8_t grey = luma(pixel);
    for (int c = 0; c < kRgb; ++c) pixel[c] = blend(grey, pixel[c]);
  }
}

void adjust_contrast(Image& image, double factor) { blend_with(mean_grey(image), factor, image); }

void adjust_brightness(Image& image, double factor) { blend_with(0, factor, image); }

void adjust_sharpness(Image& image, double factor) {
  const Blend blend(factor);
  if (blend.keeps() || image.width < 3 || image.height < 3) return;
  const int64_t channels = image.channels;
  const int64_t pitch = image.width * channels;
  std::vector<uint8_t> above(image.pixels.begin(), image.pixels.begin() + pitch);
  std::vector<uint8_t> row(above.size());
  for (int64_t y = 1; y + 1 < image.height; ++y) {
    uint8_t* to = image.pixels.data() + y * pitch;
    const uint8_t* below = to + pitch;
    std::copy_n(to, pitch, row.data());
    for (int64_t x = channels; x < pitch - channels; ++x) {
      const auto three = [&](const uint8_t* r) { return r[x - channels] + r[x] + r[x + channels]; };
      const int sum =
          three(above.data()) + three(row.data()) + three(below) + 4 * row[static_cast<size_t>(x)];
      // Rounded sum / 13; no half can occur, so Pillow's float arithmetic gives the same.
      const auto smooth = static_cast<uint8_t>((2 * sum + 13) / 26);
      to[x] = blend(smooth, row[static_cast<size_t>(x)]);
    }
    above.swap(row);
  }
}

void adjust_hue(Image& image, double factor) {
  if (image.channels != kRgb) return;
  const auto turn = static_cast<int>(factor * 255);
  for (size_t i = 0; i < image.pixels.size(); i += kRgb) {
    uint8_t* pixel = image.pixels.data() + i;
    Hsv colour = to_hsv(pixel);
    colour.hue = static_cast<uint8_t>(colour.hue + turn);
    to_rgb(colour, pixel);
  }
}

}  // namespace vitrine
