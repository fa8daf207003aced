#include "models/data/augment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.hpp"
#include "core/random.hpp"
#include "models/data/auto_augment.hpp"
#include "ops/images/resize.hpp"

namespace vitrine {
namespace {

struct Rectangle {
  int64_t left, top, width, height;
};

/// The largest central rectangle whose aspect ratio is allowed.
Rectangle central_rectangle(int64_t width, int64_t height, const Augment& options) {
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  Rectangle r{0, 0, width, height};
  if (ratio < options.crop_ratio_min) {
    const double wanted = static_cast<double>(width) / options.crop_ratio_min;
    r.height = std::clamp<int64_t>(std::llrint(wanted), 1, height);
  } else if (ratio > options.crop_ratio_max) {
    const double wanted = static_cast<double>(height) * options.crop_ratio_max;
    r.width = std::clamp<int64_t>(std::llrint(wanted), 1, width);
  }
  r.left = (width - r.width) / 2;
  r.top = (height - r.height) / 2;
  return r;
}

Rectangle random_rectangle(int64_t width, int64_t height, const Augment& options, Random& random) {
  constexpr int kTries = 10;
  const double area = static_cast<double>(width) * static_cast<double>(height);
  const double log_min = std::log(options.crop_ratio_min);
  const double log_max = std::log(options.crop_ratio_max);
  const auto between = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(random.uniform());
  };
  for (int i = 0; i < kTries; ++i) {
    const double target = area * between(options.crop_scale_min, options.crop_scale_max);
    const double ratio = std::exp(between(log_min, log_max));
    const int64_t w = std::llrint(std::sqrt(target * ratio));
    const int64_t h = std::llrint(std::sqrt(target / ratio));
    if (w < 1 || w > width || h < 1 || h > height) continue;
    const int64_t top = random.below(static_cast<uint32_t>(height - h + 1));
    const int64_t left = random.below(static_cast<uint32_t>(width - w + 1));
    return {left, top, w, h};
  }
  return central_rectangle(width, height, options);
}

/// The pixel of a side of `size` that stands at place i, which may be outside.
int64_t inside(int64_t i, int64_t size, Fill fill) {
  if (fill != Fill::kReflect || size == 1) return std::clamp<int64_t>(i, 0, size - 1);
  const int64_t period = 2 * (size - 1);
  const int64_t at = (i % period + period) % period;
  return at < size ? at : period - at;
}

/// to[x] = from[x - shift] for one row; what comes from outside is `fill`'s.
void shift_row(const uint8_t* from, int64_t width, int64_t channels, int64_t shift, Fill fill,
               uint8_t* to) {
  const int64_t before = std::clamp<int64_t>(shift, 0, width);
  const int64_t behind = std::clamp<int64_t>(-shift, 0, width);
  const auto pad = [&](int64_t begin, int64_t end) {
    if (fill == Fill::kZero) {
      to = std::fill_n(to, (end - begin) * channels, uint8_t{0});
      return;
    }
    for (int64_t x = begin; x < end; ++x) {
      to = std::copy_n(from + inside(x - shift, width, fill) * channels, channels, to);
    }
  };
  pad(0, before);
  to = std::copy_n(from + behind * channels, (width - before - behind) * channels, to);
  pad(width - behind, width);
}

void mirror_row(uint8_t* row, int64_t width, int64_t channels) {
  if (channels == 1) {
    std::reverse(row, row + width);
    return;
  }
  for (int64_t a = 0, b = width - 1; a < b; ++a, --b) {
    std::swap_ranges(row + a * channels, row + (a + 1) * channels, row + b * channels);
  }
}

struct Move {
  int64_t right = 0, down = 0;
  bool mirror = false, upside_down = false;
};

/// `from` moved and then mirrored into `to`, of the same size; they may not overlap.
void move_picture(const ImageView& from, const Move& move, Fill fill, uint8_t* to) {
  const int64_t row_bytes = from.width * from.channels;
  for (int64_t y = 0; y < from.height; ++y) {
    uint8_t* out = to + (move.upside_down ? from.height - 1 - y : y) * row_bytes;
    const int64_t row = y - move.down;
    const bool outside = row < 0 || row >= from.height;
    if (outside && fill == Fill::kZero) {
      std::fill_n(out, row_bytes, uint8_t{0});
      continue;
    }
    shift_row(from.pixels + inside(row, from.height, fill) * from.pitch, from.width, from.channels,
              move.right, fill, out);
    if (move.mirror) mirror_row(out, from.width, from.channels);
  }
}

Move random_move(const Augment& options, Random& random) {
  const auto happens = [&](double probability) {
    return probability > 0 && static_cast<double>(random.uniform()) < probability;
  };
  Move move;
  if (options.shift > 0) {
    const auto places = static_cast<uint32_t>(2 * options.shift + 1);
    move.right = int64_t{random.below(places)} - options.shift;
    move.down = int64_t{random.below(places)} - options.shift;
  }
  move.mirror = happens(options.flip);
  move.upside_down = happens(options.vertical_flip);
  return move;
}

constexpr std::array<ResizeFilter, 2> kRandomFilters = {ResizeFilter::kBilinear,
                                                        ResizeFilter::kBicubic};

/// What a filter is drawn from.
std::span<const ResizeFilter> filters_of(const Augment& options, const Preprocess& rule) {
  const std::span<const ResizeFilter> all = kRandomFilters;
  if (options.interpolation == "random") return all;
  const ResizeFilter one =
      options.interpolation.empty() ? rule.interpolation : resize_filter(options.interpolation);
  return one == ResizeFilter::kBilinear ? all.first(1) : all.last(1);
}

void crop_pixels(const ImageView& picture, const Preprocess& rule, const Augment& options,
                 Random& random, std::span<uint8_t> to) {
  const Rectangle r = random_rectangle(picture.width, picture.height, options, random);
  ReusedVector<uint8_t> storage;
  const ImageView part =
      with_channels(picture.part(r.left, r.top, r.width, r.height), rule.channels, storage);
  ResizeFilter filter = rule.interpolation;
  if (!options.interpolation.empty()) {
    const std::span<const ResizeFilter> filters = filters_of(options, rule);
    filter = filters.size() == 1 ? filters[0] : filters[random.below(2)];
  }
  resize_window(part, rule.width, rule.height, filter, 0, 0, rule.width, rule.height, to.data(),
                rule.width * rule.channels);
}

/// Colours and geometry that timm changes once the picture has its size; in place.
void change_colours(const Preprocess& rule, const Augment& options, const AugmentKey& key,
                    std::span<uint8_t> pixels) {
  Random random(key.seed, RandomPlace::kColour, key.stream());
  Image image{rule.width, rule.height, rule.channels, {pixels.begin(), pixels.end()}};
  if (!options.auto_augment.empty()) {
    std::vector<uint8_t> fill;
    fill.reserve(rule.mean.size());
    for (const double mean : rule.mean) {
      fill.push_back(static_cast<uint8_t>(std::clamp(std::nearbyint(255 * mean), 0.0, 255.0)));
    }
    AutoAugment(options.auto_augment)(image, filters_of(options, rule), fill, random);
  }
  if (options.jitter.active()) color_jitter(image, options.jitter, random);
  std::ranges::copy(image.pixels, pixels.begin());
}

}  // namespace

void augment(const ImageView& picture, const Preprocess& rule, const Augment& options,
             const AugmentKey& key, std::span<uint8_t> to) {
  if (static_cast<int64_t>(to.size()) != rule.numel()) {
    throw ShapeError(fmt::format("[augment] the result has {} bytes, there is room for {}",
                                 rule.numel(), to.size()));
  }
  Random random(key.seed, RandomPlace::kAugment, key.stream());

  std::vector<uint8_t> prepared;
  ImageView view = picture;
  if (options.crops() || !is_prepared(picture, rule)) {
    prepared.resize(to.size());
    if (options.crops()) {
      crop_pixels(picture, rule, options, random, prepared);
    } else {
      prepare_pixels(picture, rule, prepared);
    }
    view = {prepared.data(), rule.width, rule.height, rule.channels};
  }
  move_picture(view, random_move(options, random), options.fill, to.data());
  if (options.changes_colours()) change_colours(rule, options, key, to);
}

}  // namespace vitrine
