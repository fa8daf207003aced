#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/images/image.hpp"
#include "core/reused.hpp"
#include "core/tensor.hpp"
#include "ops/images/resize.hpp"

namespace vitrine {

/// Largest side of a network's input, and smallest crop_pct: a mistake beyond.
inline constexpr int64_t kMaxInputSide = 8192;
inline constexpr double kMinCropPct = 0.05;

enum class CropMode {
  kCenter,    ///< resize with the aspect ratio kept, then cut out the middle
  kSquash,    ///< resize both sides alike, then cut out the middle
  kUnscaled,  ///< cut out the middle of the picture as it is
};

/// The first pixel of a crop whose margins cannot be equal, because a side has an odd number of
/// pixels too many: (side - size) / 2 is rounded.
enum class CropRounding {
  kEven,  ///< timm, torchvision: to even, as Python's round()
  kDown,  ///< Hugging Face
};

/// What is done to a picture before a network sees it, as plain data. The names and rules are those
/// of timm's pretrained_cfg.
struct Preprocess {
  int64_t height = 224, width = 224;  ///< of the result
  int channels = 3;                   ///< 1 grey, 3 RGB
  Exif exif = Exif::kUpright;         ///< how files are read
  ResizeFilter interpolation = ResizeFilter::kBicubic;
  double crop_pct = 0.9;  ///< the shorter side is resized to floor(size / crop_pct)
  CropMode crop_mode = CropMode::kCenter;
  CropRounding crop_rounding = CropRounding::kEven;
  std::vector<double> mean = {0.5, 0.5, 0.5};  ///< per channel, of values from 0 to 1
  std::vector<double> stddev = {0.5, 0.5, 0.5};

  /// Bytes of one prepared picture, and floats of one normalised picture.
  int64_t numel() const { return height * width * channels; }
  ReusedVector<float> mean_floats() const { return {mean.begin(), mean.end()}; }
  ReusedVector<float> stddev_floats() const { return {stddev.begin(), stddev.end()}; }

  /// Throws UsageError that says which value is impossible.
  void validate() const;
  /// {"input_size": [C, H, W], "interpolation", "crop_pct", "crop_mode", "mean", "std",
  /// "exif": whether files are turned}, and "crop_rounding" unless it is timm's.
  nlohmann::json to_json() const;
  /// The inverse. What is left out keeps its default; unknown keys are ignored, so that timm's own
  /// config.json can be read. So pictures are turned for models from before "exif", whose training
  /// took them as stored. Throws UsageError on impossible values.
  static Preprocess from_json(const nlohmann::json& object);
  static Preprocess from_json(std::string_view text) = delete;  // it would become a JSON string
  /// The same of its text.
  static Preprocess parse(std::string_view text);

  bool operator==(const Preprocess&) const = default;
};

/// The picture resized and cropped, still of bytes.
///   to   (height, width, channels)
/// Rule: the shorter side becomes floor(size / crop_pct), the longer one is truncated; the crop is
/// centred, halves rounded as CropRounding says; where the crop is larger than the picture, zeros
/// surround it.
/// Channels are converted first (with_channels).
void prepare_pixels(const ImageView& picture, const Preprocess& rule, std::span<uint8_t> to);
Image prepare_pixels(const ImageView& picture, const Preprocess& rule);

/// Whether prepare_pixels would only copy the picture.
bool is_prepared(const ImageView& picture, const Preprocess& rule);

/// prepare_pixels, then (v / 255 - mean) / stddev.
///   to   (height, width, channels); the tensor is (1, height, width, channels)
void preprocess(const ImageView& picture, const Preprocess& rule, std::span<float> to);
Tensor preprocess(const ImageView& picture, const Preprocess& rule);

/// `picture` with `channels` 1 or 3, itself if it already has them. Grey is made by luma, the alpha
/// of 4 channels is dropped. `storage` keeps the pixels otherwise and must outlive the result.
/// Throws UsageError for any other number of channels.
ImageView with_channels(const ImageView& picture, int channels, ReusedVector<uint8_t>& storage);

}  // namespace vitrine
