#include "models/data/picture_operation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "ops/images/affine.hpp"
#include "ops/images/enhance.hpp"
#include "ops/images/gaussian_blur.hpp"
#include "ops/images/point_operations.hpp"

namespace vitrine {
namespace {

using Setting = OperationSetting;

/// The level as a part of `whole`.
double part(const Setting& s, double whole) { return s.level / 10.0 * whole; }
double signed_part(const Setting& s, double whole) {
  return s.negated ? -part(s, whole) : part(s, whole);
}

void map(Image& image, const AffineMap& m, const Setting& s) {
  image = affine(image, m, s.filter, s.fill);
}

int solarize_threshold(const Setting& s) { return std::min(256, static_cast<int>(part(s, 256))); }
int posterize_bits(const Setting& s) { return static_cast<int>(part(s, 4)); }

using Adjust = void (*)(Image&, double);

/// A factor of 0.1 to 1.9.
template <Adjust kAdjust>
void enhance(Image& image, const Setting& s) {
  kAdjust(image, part(s, 1.8) + 0.1);
}

/// 1 is no change; a level takes the factor away from it, to either side.
template <Adjust kAdjust>
void enhance_increasing(Image& image, const Setting& s) {
  kAdjust(image, std::max(0.1, 1.0 + signed_part(s, 0.9)));
}

/// Between `low` at level 0 and `high` at level 10.
double between(const Setting& s, double low, double high) {
  return std::clamp(low + part(s, high - low), low, high);
}

constexpr double kMaxShift = 0.45;  // of the side

constexpr PictureOperation kOperations[] = {
    {"AutoContrast", [](Image& i, const Setting&) { auto_contrast(i); }},
    {"Equalize", [](Image& i, const Setting&) { equalize(i); }},
    {"Invert", [](Image& i, const Setting&) { invert(i); }},
    {"Rotate",
     [](Image& i, const Setting& s) { i = rotate(i, signed_part(s, 30), s.filter, s.fill); }},
    {"Posterize", [](Image& i, const Setting& s) { posterize(i, posterize_bits(s)); }},
    {"PosterizeIncreasing",
     [](Image& i, const Setting& s) { posterize(i, 4 - posterize_bits(s)); }},
    {"Solarize", [](Image& i, const Setting& s) { solarize(i, solarize_threshold(s)); }},
    {"SolarizeIncreasing",
     [](Image& i, const Setting& s) { solarize(i, 256 - solarize_threshold(s)); }},
    {"SolarizeAdd",
     [](Image& i, const Setting& s) {
       solarize_add(i, std::min(128, static_cast<int>(part(s, 110))));
     }},
    {"Color", enhance<adjust_color>},
    {"ColorIncreasing", enhance_increasing<adjust_color>},
    {"Contrast", enhance<adjust_contrast>},
    {"ContrastIncreasing", enhance_increasing<adjust_contrast>},
    {"Brightness", enhance<adjust_brightness>},
    {"BrightnessIncreasing", enhance_increasing<adjust_brightness>},
    {"Sharpness", enhance<adjust_sharpness>},
    {"SharpnessIncreasing", enhance_increasing<adjust_sharpness>},
    {"ShearX", [](Image& i, const Setting& s) { map(i, {.b = signed_part(s, 0.3)}, s); }},
    {"ShearY", [](Image& i, const Setting& s) { map(i, {.d = signed_part(s, 0.3)}, s); }},
    {"TranslateXRel",
     [](Image& i, const Setting& s) {
       map(i, {.c = signed_part(s, kMaxShift) * static_cast<double>(i.width)}, s);
     }},
    {"TranslateYRel",
     [](Image& i, const Setting& s) {
       map(i, {.f = signed_part(s, kMaxShift) * static_cast<double>(i.height)}, s);
     }},
    {"Desaturate",
     [](Image& i, const Setting& s) {
       adjust_color(i, std::clamp(1 - between(s, 0.5, 1), 0.0, 1.0));
     }},
    {"GaussianBlur", [](Image& i, const Setting& s) { gaussian_blur(i, between(s, 0.1, 2)); }},
};

}  // namespace

const PictureOperation& picture_operation(std::string_view name) {
  const auto* found = std::ranges::find(kOperations, name, &PictureOperation::name);
  if (found == std::end(kOperations)) {
    throw UsageError(fmt::format("unknown operation on pictures '{}'", name));
  }
  return *found;
}

}  // namespace vitrine
