#include "models/augment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/enum_names.hpp"
#include "core/error.hpp"
#include "core/random.hpp"
#include "models/json_options.hpp"
#include "ops/resize.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr int64_t kMaxShift = 1024;
constexpr int64_t kMaxErased = 1024;

constexpr EnumNames<Fill, 2> kFills = {{{Fill::kZero, "zero"}, {Fill::kEdge, "edge"}}};
constexpr EnumNames<EraseMode, 3> kEraseModes = {
    {{EraseMode::kConst, "const"}, {EraseMode::kRand, "rand"}, {EraseMode::kPixel, "pixel"}}};

/// The one list of options that writing and reading share.
template <class Options, class F>
void each_option(Options& o, F&& f) {
  f("shift", o.shift);
  f("fill", o.fill, kFills);
  f("flip", o.flip);
  f("crop_scale_min", o.crop_scale_min);
  f("crop_scale_max", o.crop_scale_max);
  f("crop_ratio_min", o.crop_ratio_min);
  f("crop_ratio_max", o.crop_ratio_max);
  f("erase", o.erase);
  f("erase_mode", o.erase_mode, kEraseModes);
  f("erase_count", o.erase_count);
  f("erase_area_min", o.erase_area_min);
  f("erase_area_max", o.erase_area_max);
  f("erase_ratio_min", o.erase_ratio_min);
  f("erase_ratio_max", o.erase_ratio_max);
}

[[noreturn]] void impossible(std::string_view what) {
  throw UsageError(fmt::format("augmentation: {}", what));
}

struct Rectangle {
  int64_t left, top, width, height;
};

/// The largest central rectangle whose aspect ratio is allowed.
Rectangle central_rectangle(int64_t width, int64_t height, const Augment& options) {
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  Rectangle r{0, 0, width, height};
  if (ratio < options.crop_ratio_min) {
    const double wanted = static_cast<double>(width) / options.crop_ratio_min;
    r.height = std::clamp<int64_t>(std::llround(wanted), 1, height);
  } else if (ratio > options.crop_ratio_max) {
    const double wanted = static_cast<double>(height) * options.crop_ratio_max;
    r.width = std::clamp<int64_t>(std::llround(wanted), 1, width);
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
    const int64_t w = std::llround(std::sqrt(target * ratio));
    const int64_t h = std::llround(std::sqrt(target / ratio));
    if (w < 1 || w > width || h < 1 || h > height) continue;
    const int64_t top = random.below(static_cast<uint32_t>(height - h + 1));
    const int64_t left = random.below(static_cast<uint32_t>(width - w + 1));
    return {left, top, w, h};
  }
  return central_rectangle(width, height, options);
}

/// to[x] = from[x - shift] for one row; what comes from outside is `fill`'s.
void shift_row(const uint8_t* from, int64_t width, int64_t channels, int64_t shift, Fill fill,
               uint8_t* to) {
  const int64_t before = std::clamp<int64_t>(shift, 0, width);
  const int64_t behind = std::clamp<int64_t>(-shift, 0, width);
  const auto pad = [&](int64_t count, const uint8_t* edge) {
    for (int64_t i = 0; i < count * channels; ++i) {
      *to++ = fill == Fill::kZero ? uint8_t{0} : edge[i % channels];
    }
  };
  pad(before, from);
  to = std::copy_n(from + behind * channels, (width - before - behind) * channels, to);
  pad(behind, from + (width - 1) * channels);
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
  bool mirror = false;
};

/// `from` moved and then mirrored into `to`, of the same size; they may not overlap.
void move_picture(const ImageView& from, const Move& move, Fill fill, uint8_t* to) {
  const int64_t row_bytes = from.width * from.channels;
  for (int64_t y = 0; y < from.height; ++y, to += row_bytes) {
    const int64_t row = y - move.down;
    const int64_t inside = std::clamp<int64_t>(row, 0, from.height - 1);
    if (row != inside && fill == Fill::kZero) {
      std::fill_n(to, row_bytes, uint8_t{0});
      continue;
    }
    shift_row(from.pixels + inside * from.pitch, from.width, from.channels, move.right, fill, to);
    if (move.mirror) mirror_row(to, from.width, from.channels);
  }
}

Move random_move(const Augment& options, Random& random) {
  Move move;
  if (options.shift > 0) {
    const auto places = static_cast<uint32_t>(2 * options.shift + 1);
    move.right = int64_t{random.below(places)} - options.shift;
    move.down = int64_t{random.below(places)} - options.shift;
  }
  if (options.flip > 0) move.mirror = static_cast<double>(random.uniform()) < options.flip;
  return move;
}

void crop_pixels(const ImageView& picture, const Preprocess& rule, const Augment& options,
                 Random& random, std::span<uint8_t> to) {
  const Rectangle r = random_rectangle(picture.width, picture.height, options, random);
  std::vector<uint8_t> storage;
  const ImageView part =
      with_channels(picture.part(r.left, r.top, r.width, r.height), rule.channels, storage);
  resize_window(part, rule.width, rule.height, rule.interpolation, 0, 0, rule.width, rule.height,
                to.data(), rule.width * rule.channels);
}

}  // namespace

void Augment::validate() const {
  const auto part = [](std::string_view what, double value) {
    if (!(value >= 0 && value <= 1))
      impossible(fmt::format("{} must be 0 to 1, got {}", what, value));
  };
  const auto range = [](std::string_view what, double low, double high, double min, double max) {
    if (low >= min && low <= high && high <= max) return;
    impossible(fmt::format("{0}_min and {0}_max must ascend from {1} to {2}, got {3} and {4}", what,
                           min, max, low, high));
  };
  if (shift < 0 || shift > kMaxShift) {
    impossible(fmt::format("shift must be 0 to {} pixels, got {}", kMaxShift, shift));
  }
  part("flip", flip);
  range("crop_scale", crop_scale_min, crop_scale_max, 0, 1);
  range("crop_ratio", crop_ratio_min, crop_ratio_max, 0.01, 100);
  part("erase", erase);
  if (erase_count < 1 || erase_count > kMaxErased) {
    impossible(fmt::format("erase_count must be 1 to {}, got {}", kMaxErased, erase_count));
  }
  range("erase_area", erase_area_min, erase_area_max, 0, 1);
  range("erase_ratio", erase_ratio_min, erase_ratio_max, 0.01, 100);
}

std::string Augment::to_json() const {
  OptionWriter writer;
  each_option(*this, writer);
  return writer.object.dump();
}

Augment Augment::from_json(std::string_view text) {
  Augment a;
  try {
    OptionReader reader(text);
    each_option(a, reader);
    reader.refuse_unknown();
  } catch (const json::exception& e) {
    impossible(e.what());
  } catch (const UsageError& e) {
    impossible(e.what());
  }
  a.validate();
  return a;
}

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
}

}  // namespace vitrine
