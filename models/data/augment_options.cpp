#include <fmt/format.h>

#include "core/error.hpp"
#include "core/text/enum_names.hpp"
#include "core/text/json_options.hpp"
#include "core/text/json_text.hpp"
#include "models/data/augment.hpp"
#include "models/data/auto_augment.hpp"

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

}  // namespace

void Augment::validate() const {
  const auto part = [](std::string_view what, double value) {
    require_option(value >= 0 && value <= 1, what, "0 to 1", value);
  };
  const auto range = [](const std::string& what, double low, double high, double min, double max) {
    require_option(min <= low && low <= max, what + "_min", fmt::format("{} to {}", min, max), low);
    require_option(low <= high && high <= max, what + "_max",
                   fmt::format("{}_min ({}) to {}", what, low, max), high);
  };
  require_option(shift >= 0 && shift <= kMaxShift, "shift", fmt::format("0 to {}", kMaxShift),
                 shift);
  part("flip", flip);
  part("vertical_flip", vertical_flip);
  range("crop_scale", crop_scale_min, crop_scale_max, 0, 1);
  range("crop_ratio", crop_ratio_min, crop_ratio_max, 0.01, 100);
  require_option(interpolation.empty() || interpolation == "random" ||
                     interpolation == "bilinear" || interpolation == "bicubic",
                 "interpolation", "random, bilinear or bicubic", interpolation);
  if (!auto_augment.empty()) static_cast<void>(AutoAugment(auto_augment));
  part("brightness", jitter.brightness);
  part("contrast", jitter.contrast);
  part("saturation", jitter.saturation);
  require_option(jitter.hue >= 0 && jitter.hue <= 0.5, "hue", "0 to 0.5", jitter.hue);
  part("erase", erase);
  require_option(erase_count >= 1 && erase_count <= kMaxErased, "erase_count",
                 fmt::format("1 to {}", kMaxErased), erase_count);
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
