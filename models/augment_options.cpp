#include <fmt/format.h>

#include "core/enum_names.hpp"
#include "core/error.hpp"
#include "core/json_text.hpp"
#include "models/augment.hpp"
#include "models/auto_augment.hpp"
#include "models/json_options.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr int64_t kMaxShift = 1024;
constexpr int64_t kMaxErased = 1024;

constexpr EnumNames<Fill, 3> kFills = {
    {{Fill::kZero, "zero"}, {Fill::kEdge, "edge"}, {Fill::kReflect, "reflect"}}};
constexpr EnumNames<EraseMode, 3> kEraseModes = {
    {{EraseMode::kConst, "const"}, {EraseMode::kRand, "rand"}, {EraseMode::kPixel, "pixel"}}};

/// The one list of options that writing and reading share.
template <class Options, class F>
void each_option(Options& o, F&& f) {
  f("shift", o.shift);
  f("fill", o.fill, kFills);
  f("flip", o.flip);
  f("vertical_flip", o.vertical_flip);
  f("crop_scale_min", o.crop_scale_min);
  f("crop_scale_max", o.crop_scale_max);
  f("crop_ratio_min", o.crop_ratio_min);
  f("crop_ratio_max", o.crop_ratio_max);
  f("interpolation", o.interpolation);
  f("auto_augment", o.auto_augment);
  f("brightness", o.jitter.brightness);
  f("contrast", o.jitter.contrast);
  f("saturation", o.jitter.saturation);
  f("hue", o.jitter.hue);
  f("erase", o.erase);
  f("erase_mode", o.erase_mode, kEraseModes);
  f("erase_count", o.erase_count);
  f("erase_area_min", o.erase_area_min);
  f("erase_area_max", o.erase_area_max);
  f("erase_ratio_min", o.erase_ratio_min);
  f("erase_ratio_max", o.erase_ratio_max);
}

constexpr std::string_view kPrefix = "augmentation: ";

[[noreturn]] void impossible(std::string_view what) {
  throw UsageError(fmt::format("{}{}", kPrefix, what));
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
  part("vertical_flip", vertical_flip);
  range("crop_scale", crop_scale_min, crop_scale_max, 0, 1);
  range("crop_ratio", crop_ratio_min, crop_ratio_max, 0.01, 100);
  if (interpolation != "" && interpolation != "random" && interpolation != "bilinear" &&
      interpolation != "bicubic") {
    impossible(
        fmt::format("interpolation must be random, bilinear or bicubic, got '{}'", interpolation));
  }
  if (!auto_augment.empty()) static_cast<void>(AutoAugment(auto_augment));
  part("brightness", jitter.brightness);
  part("contrast", jitter.contrast);
  part("saturation", jitter.saturation);
  if (!(jitter.hue >= 0 && jitter.hue <= 0.5)) {
    impossible(fmt::format("hue must be 0 to 0.5, got {}", jitter.hue));
  }
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
  return write_json(writer.object);
}

Augment Augment::from_json(std::string_view text) {
  const auto a = read_options<Augment>(kPrefix, text, [](Augment& options, json object) {
    OptionReader reader(std::move(object));
    each_option(options, reader);
    reader.refuse_unknown();
  });
  a.validate();
  return a;
}

}  // namespace vitrine
