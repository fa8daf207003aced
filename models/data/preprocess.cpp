#include "models/data/preprocess.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/images/luma.hpp"
#include "core/text/enum_names.hpp"
#include "core/text/json_options.hpp"
#include "core/text/json_problem.hpp"
#include "ops/normalize.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr std::string_view kPrefix = "preprocessing: ";

[[noreturn]] void impossible(std::string_view what) {
  throw UsageError(fmt::format("{}{}", kPrefix, what));
}

constexpr EnumNames<CropMode, 3> kCropModes = {{{CropMode::kCenter, "center"},
                                                {CropMode::kSquash, "squash"},
                                                {CropMode::kUnscaled, "unscaled"}}};
constexpr EnumNames<CropRounding, 2> kCropRoundings = {
    {{CropRounding::kEven, "even"}, {CropRounding::kDown, "down"}}};

struct Size {
  int64_t width, height;
};

int64_t whole(double side) {
  // A picture that is thousands of times as high as wide would become larger than any image.
  return static_cast<int64_t>(std::min(side, static_cast<double>(kMaxImageSide)));
}

/// The size to which a picture is resized before the crop; the names are timm's.
Size resized(const ImageView& picture, const Preprocess& rule) {
  if (rule.crop_mode == CropMode::kUnscaled) return {picture.width, picture.height};
  const auto scaled = [&](int64_t side) {
    return static_cast<int64_t>(std::floor(static_cast<double>(side) / rule.crop_pct));
  };
  const Size scale_size{scaled(rule.width), scaled(rule.height)};
  if (rule.crop_mode == CropMode::kSquash) return scale_size;

  const auto width = static_cast<double>(picture.width);
  const auto height = static_cast<double>(picture.height);
  if (scale_size.width == scale_size.height) {
    // torchvision's Resize of the shorter side: the longer one is truncated.
    const int64_t shorter = scale_size.width;
    const auto s = static_cast<double>(shorter);
    if (picture.width <= picture.height) {
      return {shorter, whole(s * height / width)};
    }
    return {whole(s * width / height), shorter};
  }
  // timm's ResizeKeepRatio: just large enough for both sides, rounded to even.
  const double ratio = std::min(width / static_cast<double>(scale_size.width),
                                height / static_cast<double>(scale_size.height));
  return {whole(std::nearbyint(width / ratio)), whole(std::nearbyint(height / ratio))};
}

/// Where a crop of `size` pixels lies on a side of `side` pixels, and what of it is picture.
struct Crop {
  int64_t from = 0;  // first pixel of the picture
  int64_t to = 0;    // first pixel of the result; zeros before it
  int64_t count;     // pixels; zeros behind them
};

/// Of an odd number of zeros around a small picture, torchvision puts one less before it, Hugging
/// Face one more.
Crop center_crop(int64_t side, int64_t size, CropRounding rounding) {
  const bool down = rounding == CropRounding::kDown;
  if (side < size) return {.from = 0, .to = (size - side + (down ? 1 : 0)) / 2, .count = side};
  const int64_t spare = side - size;
  const int64_t half = spare / 2;
  const bool up = !down && spare % 2 == 1 && half % 2 == 1;
  return {.from = half + (up ? 1 : 0), .to = 0, .count = size};
}

template <class T>
void take(const json& object, const char* key, T& value) {
  if (const auto found = object.find(key); found != object.end()) read_json(*found, value);
}

Preprocess read(const json& object) {
  Preprocess rule;
  std::vector<int64_t> input_size = {rule.channels, rule.height, rule.width};
  std::string interpolation(resize_filter_name(rule.interpolation));
  std::string crop_mode(name_of(kCropModes, rule.crop_mode));
  std::string crop_rounding(name_of(kCropRoundings, rule.crop_rounding));
  take(object, "input_size", input_size);
  take(object, "interpolation", interpolation);
  take(object, "crop_pct", rule.crop_pct);
  bool upright = rule.exif == Exif::kUpright;
  take(object, "exif", upright);
  rule.exif = upright ? Exif::kUpright : Exif::kAsStored;
  take(object, "crop_mode", crop_mode);
  take(object, "crop_rounding", crop_rounding);
  if (input_size.size() != 3) impossible("input_size must be [channels, height, width]");
  if (input_size[0] != 1 && input_size[0] != 3) {
    impossible(fmt::format("the channels must be 1 or 3, got {}", input_size[0]));
  }
  rule.channels = static_cast<int>(input_size[0]);
  rule.height = input_size[1];
  rule.width = input_size[2];
  rule.interpolation = resize_filter(interpolation);
  rule.crop_mode = value_of(kCropModes, "crop_mode", crop_mode);
  rule.crop_rounding = value_of(kCropRoundings, "crop_rounding", crop_rounding);
  rule.mean.assign(static_cast<size_t>(rule.channels), 0.5);
  rule.stddev = rule.mean;
  take(object, "mean", rule.mean);
  take(object, "std", rule.stddev);
  return rule;
}

}  // namespace

void Preprocess::validate() const {
  if (std::min(height, width) < 1 || std::max(height, width) > kMaxInputSide) {
    impossible(
        fmt::format("height and width must be 1 to {}, got {} x {}", kMaxInputSide, height, width));
  }
  if (channels != 1 && channels != 3) {
    impossible(fmt::format("the channels must be 1 or 3, got {}", channels));
  }
  if (!(crop_pct >= kMinCropPct && crop_pct <= 2)) {
    impossible(fmt::format("crop_pct must be {} to 2, got {}", kMinCropPct, crop_pct));
  }
  if (std::floor(static_cast<double>(std::min(height, width)) / crop_pct) < 1) {
    impossible(fmt::format("crop_pct {} leaves nothing of {} x {}", crop_pct, height, width));
  }
  const auto wanted = static_cast<size_t>(channels);
  if (mean.size() != wanted || stddev.size() != wanted) {
    impossible(fmt::format("mean and std must have {} numbers, got {} and {}", channels,
                           mean.size(), stddev.size()));
  }
  const auto finite = [](double v) { return std::isfinite(static_cast<float>(v)); };
  if (!std::ranges::all_of(mean, finite) || !std::ranges::all_of(stddev, finite) ||
      !std::ranges::all_of(stddev, [](double v) { return static_cast<float>(v) > 0; })) {
    impossible("mean must be finite, std finite and above 0");
  }
}

json Preprocess::to_json() const {
  OptionWriter writer;
  writer("input_size", std::vector<int64_t>{channels, height, width});
  writer("interpolation", resize_filter_name(interpolation));
  writer("crop_pct", crop_pct);
  writer("crop_mode", crop_mode, kCropModes);
  writer("mean", mean);
  writer("exif", exif == Exif::kUpright);
  writer("std", stddev);
  if (crop_rounding != CropRounding::kEven) {
    writer("crop_rounding", crop_rounding, kCropRoundings);
  }
  return std::move(writer.object);
}

Preprocess Preprocess::from_json(const json& object) {
  Preprocess rule;
  try {
    if (!object.is_object()) impossible("not a JSON object");
    rule = read(object);
  } catch (const json::exception& e) {
    impossible(json_problem(e));
  }
  rule.validate();
  return rule;
}

Preprocess Preprocess::parse(std::string_view text) {
  json object = parse_options(kPrefix, text);
  const Dissolved at_the_end(object);
  return from_json(object);
}

ImageView with_channels(const ImageView& picture, int channels, ReusedVector<uint8_t>& storage) {
  if (picture.channels == channels) return picture;
  const bool from_colours = picture.channels == 3 || picture.channels == 4;
  if ((channels != 1 && channels != 3) || (picture.channels != 1 && !from_colours)) {
    throw UsageError(
        fmt::format("[with_channels] channels must be 1 or 3, got {} of a picture with {}",
                    channels, picture.channels));
  }
  storage.resize(static_cast<size_t>(picture.width * picture.height * channels));
  uint8_t* to = storage.data();
  for (int64_t row = 0; row < picture.height; ++row) {
    const uint8_t* from = picture.pixels + row * picture.pitch;
    for (int64_t x = 0; x < picture.width; ++x, from += picture.channels, to += channels) {
      if (channels == 1) {
        *to = luma(from);
      } else if (from_colours) {
        std::copy_n(from, 3, to);
      } else {
        std::fill_n(to, 3, *from);
      }
    }
  }
  return {storage.data(), picture.width, picture.height, channels};
}

void prepare_pixels(const ImageView& picture, const Preprocess& rule, std::span<uint8_t> to) {
  if (static_cast<int64_t>(to.size()) != rule.numel()) {
    throw ShapeError(fmt::format("[prepare_pixels] the result has {} bytes, there is room for {}",
                                 rule.numel(), to.size()));
  }
  ReusedVector<uint8_t> storage;
  const ImageView view = with_channels(picture, rule.channels, storage);
  const Size size = resized(view, rule);
  const Crop x = center_crop(size.width, rule.width, rule.crop_rounding);
  const Crop y = center_crop(size.height, rule.height, rule.crop_rounding);
  if (x.count < rule.width || y.count < rule.height) std::ranges::fill(to, uint8_t{0});
  const int64_t pitch = rule.width * rule.channels;
  resize_window(view, size.width, size.height, rule.interpolation, x.from, y.from, x.count, y.count,
                to.data() + y.to * pitch + x.to * rule.channels, pitch);
}

Image prepare_pixels(const ImageView& picture, const Preprocess& rule) {
  Image image{rule.width, rule.height, rule.channels, {}};
  image.pixels.resize(static_cast<size_t>(rule.numel()));
  prepare_pixels(picture, rule, image.pixels);
  return image;
}

bool is_prepared(const ImageView& picture, const Preprocess& rule) {
  if (picture.channels != rule.channels || picture.width != rule.width ||
      picture.height != rule.height) {
    return false;
  }
  const Size size = resized(picture, rule);
  return size.width == picture.width && size.height == picture.height;
}

void preprocess(const ImageView& picture, const Preprocess& rule, std::span<float> to) {
  ReusedVector<uint8_t> pixels(static_cast<size_t>(rule.numel()));
  prepare_pixels(picture, rule, pixels);
  normalize_u8_into(pixels, rule.mean_floats(), rule.stddev_floats(), to);
}

Tensor preprocess(const ImageView& picture, const Preprocess& rule) {
  rule.validate();
  Tensor x = Tensor::empty({1, rule.height, rule.width, rule.channels});
  preprocess(picture, rule, {x.mutable_data(), static_cast<size_t>(rule.numel())});
  return x;
}

}  // namespace vitrine
