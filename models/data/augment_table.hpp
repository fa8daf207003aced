#pragma once

#include <array>
#include <string_view>

#include "core/text/enum_names.hpp"
#include "core/text/option_entry.hpp"
#include "models/data/augment.hpp"

namespace vitrine {

inline constexpr EnumNames<Fill, 3> kFills = {
    {{Fill::kZero, "zero"}, {Fill::kEdge, "edge"}, {Fill::kReflect, "reflect"}}};
inline constexpr EnumNames<EraseMode, 3> kEraseModes = {
    {{EraseMode::kConst, "const"}, {EraseMode::kRand, "rand"}, {EraseMode::kPixel, "pixel"}}};
inline constexpr std::array<std::string_view, 3> kInterpolations = {"bilinear", "bicubic",
                                                                    "random"};

/// The table of Augment's options (core/text/option_entry.hpp). Options is Augment, or that which
/// is const.
template <class Options, class F>
void each_augment_option(Options& o, F&& f) {
  constexpr Values kPart = between(0, 1);
  constexpr Values kRatio = between(0.01, 100);
  f({"shift", "random shift by up to so many pixels", between(0, 1024)}, o.shift);
  f({"fill", "what surrounds a shifted picture"}, o.fill, kFills);
  f({"flip", "probability of a mirror image", kPart, Listed::kInHelp}, o.flip);
  f({"vertical_flip", "of one upside down", kPart}, o.vertical_flip);
  f({"crop_scale_min", "random resized crop: smallest part of a picture; none while both are 0",
     kPart},
    o.crop_scale_min);
  f({"crop_scale_max", "largest part of a picture",
     between({"crop_scale_min", o.crop_scale_min}, 1)},
    o.crop_scale_max);
  f({"crop_ratio_min", "smallest aspect ratio of a crop", kRatio}, o.crop_ratio_min);
  f({"crop_ratio_max", "largest aspect ratio of a crop",
     between({"crop_ratio_min", o.crop_ratio_min}, 100)},
    o.crop_ratio_max);
  f({"interpolation", "of crops and of automatic augmentation; else the model's"}, o.interpolation,
    kInterpolations);
  f({"auto_augment",
     "timm's rand-m9-mstd0.5-inc1 and others of its kind, or 3a (DeiT III)",
     {},
     Listed::kInHelp},
    o.auto_augment);
  f({"brightness", "colour jitter: factors of 1 - v to 1 + v", kPart}, o.jitter.brightness);
  f({"contrast", "the same of contrast", kPart}, o.jitter.contrast);
  f({"saturation", "the same of saturation", kPart}, o.jitter.saturation);
  f({"hue", "the hue is turned by up to this part of the circle", between(0, 0.5)}, o.jitter.hue);
  f({"erase", "probability of random erasing", kPart}, o.erase);
  f({"erase_mode",
     "what fills a rectangle: the mean, a random colour, or a random one for every pixel"},
    o.erase_mode, kEraseModes);
  f({"erase_count", "up to so many rectangles", between(1, 1024)}, o.erase_count);
  f({"erase_area_min", "smallest part of the picture that is erased", kPart}, o.erase_area_min);
  f({"erase_area_max", "largest part of the picture that is erased",
     between({"erase_area_min", o.erase_area_min}, 1)},
    o.erase_area_max);
  f({"erase_ratio_min", "smallest aspect ratio of a rectangle", kRatio}, o.erase_ratio_min);
  f({"erase_ratio_max", "largest aspect ratio of a rectangle",
     between({"erase_ratio_min", o.erase_ratio_min}, 100)},
    o.erase_ratio_max);
}

}  // namespace vitrine
