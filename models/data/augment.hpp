#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "models/data/color_jitter.hpp"
#include "models/data/preprocess.hpp"
#include "ops/images/image_view.hpp"

namespace vitrine {

/// What surrounds a picture that is shifted.
enum class Fill {
  kZero,     ///< 0, black
  kEdge,     ///< the nearest pixel
  kReflect,  ///< the picture mirrored about its outermost pixels
};

/// What random erasing fills a rectangle with, in units of the normalised picture.
enum class EraseMode {
  kConst,  ///< 0, the mean of the data
  kRand,   ///< one standard normal number per channel
  kPixel,  ///< a standard normal number per value
};

/// How training pictures are varied, as plain data; the default does nothing.
struct Augment {
  int64_t shift = 0;  ///< up to so many pixels, in each direction
  Fill fill = Fill::kZero;
  double flip = 0;           ///< probability of a mirror image, left and right exchanged
  double vertical_flip = 0;  ///< of one with top and bottom exchanged

  /// Random resized crop: a rectangle of this share of the picture's area and of this aspect ratio
  /// is resized to the network's size, in place of Preprocess's resize and crop. Off while both
  /// scales are 0.
  double crop_scale_min = 0, crop_scale_max = 0;
  double crop_ratio_min = 3.0 / 4.0, crop_ratio_max = 4.0 / 3.0;

  /// Of the crop and of automatic augmentation: "bilinear", "bicubic", "random" (one of these two,
  /// drawn each time); "" for that of Preprocess.
  std::string interpolation;
  /// "" for none, or what models/data/auto_augment.hpp reads, such as "rand-m9-mstd0.5-inc1".
  std::string auto_augment;
  ColorJitter jitter;

  /// Random erasing: with probability `erase`, up to `erase_count` rectangles. Their areas,
  /// together uniform in this share of the picture, and their aspect ratios, log-uniform.
  double erase = 0;
  EraseMode erase_mode = EraseMode::kPixel;
  int64_t erase_count = 1;
  double erase_area_min = 0.02, erase_area_max = 1.0 / 3;
  double erase_ratio_min = 0.3, erase_ratio_max = 1 / 0.3;

  bool crops() const { return crop_scale_max > 0; }
  bool changes_colours() const { return !auto_augment.empty() || jitter.active(); }
  /// Throws UsageError that says which value is impossible.
  void validate() const;
  /// A JSON object with every value under its name here; `fill` is "zero", "edge" or
  /// "reflect", `erase_mode` "const", "rand" or "pixel".
  nlohmann::json to_json() const;
  /// The inverse; what is left out keeps its default. Throws UsageError on unknown keys and
  /// impossible values.
  static Augment from_json(nlohmann::json object);
  static Augment from_json(std::string_view text) = delete;  // it would become a JSON string

  bool operator==(const Augment&) const = default;
};

inline constexpr int64_t kMaxEpochs = int64_t{1} << 24;
inline constexpr int64_t kMaxRepeats = 256;

/// Which numbers are drawn: those of sample `index` in `epoch`, whatever was drawn before.
struct AugmentKey {
  uint64_t seed = 0;
  int64_t epoch = 0;   ///< below kMaxEpochs
  int64_t index = 0;   ///< below 2^32
  int64_t repeat = 0;  ///< below kMaxRepeats: which of several views in one epoch

  /// The number of their stream of random numbers.
  uint64_t stream() const {
    return static_cast<uint64_t>(repeat) << 56 | static_cast<uint64_t>(epoch) << 32 |
           static_cast<uint64_t>(index);
  }
};

/// A training view of `picture`: random resized crop or prepare_pixels, then shift, flips,
/// automatic augmentation (what comes from outside has the colour of rule.mean) and colour jitter;
/// a function of the arguments alone.
///   to   (rule.height, rule.width, rule.channels)
/// The crop's rule is torchvision's RandomResizedCrop: ten tries at a rectangle (area uniform,
/// aspect ratio log-uniform), then the largest central one of an allowed ratio.
void augment(const ImageView& picture, const Preprocess& rule, const Augment& options,
             const AugmentKey& key, std::span<uint8_t> to);

}  // namespace vitrine
