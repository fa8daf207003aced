#include "models/weights/hugging_face_preprocess.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "core/error.hpp"
#include "models/weights/hugging_face_classes.hpp"
#include "models/weights/known_keys.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr int64_t kBilinear = 2;
constexpr int64_t kBicubic = 3;

using Colour = std::array<double, 3>;
constexpr Colour kHalf = {0.5, 0.5, 0.5};
constexpr Colour kImageNetMean = {0.485, 0.456, 0.406};
constexpr Colour kImageNetStd = {0.229, 0.224, 0.225};
constexpr Colour kClipMean = {0.48145466, 0.4578275, 0.40821073};
constexpr Colour kClipStd = {0.26862954, 0.26130258, 0.27577711};

/// What pictures are resized to, or what is cut out of them.
struct Sides {
  int64_t height, width;
  bool shorter = false;  ///< both are the shorter side; the longer one follows
};

/// An image processor's class and the values that it has for what a file leaves out.
struct ProcessorClass {
  std::string_view name;  ///< before "ImageProcessor"
  int64_t resample;
  Colour mean, stddev;
  Sides size;
  bool square_numbers;  ///< a size that is a number is both sides, not the shorter one
  bool crops;
  int64_t crop;  ///< 0: a file that crops has to say
};
constexpr std::array<ProcessorClass, 9> kClasses = {{
    {"ViT", kBilinear, kHalf, kHalf, {224, 224}, true, false, 0},
    {"DeiT", kBicubic, kHalf, kHalf, {256, 256}, true, true, 224},
    {"Bit", kBicubic, kClipMean, kClipStd, {224, 224, true}, false, true, 224},
    {"CLIP", kBicubic, kClipMean, kClipStd, {224, 224, true}, false, true, 224},
    {"Siglip", kBicubic, kHalf, kHalf, {224, 224}, false, false, 0},
    {"ConvNext", kBicubic, kHalf, kHalf, {384, 384, true}, false, false, 0},
    {"Beit", kBicubic, kHalf, kHalf, {224, 224}, true, false, 224},
    {"ViTHybrid", kBicubic, kClipMean, kClipStd, {224, 224, true}, false, true, 224},
    // Resizes floats, which are not rounded to levels in between.
    {"DINOv3ViT", kBilinear, kImageNetMean, kImageNetStd, {224, 224}, true, false, 0},
}};

struct UsualProcessor {
  std::string_view model_type, name;
};
constexpr std::array<UsualProcessor, 17> kUsual = {{{"vit", "ViT"},
                                                    {"vit_mae", "ViT"},
                                                    {"deit", "DeiT"},
                                                    {"dinov2", "Bit"},
                                                    {"dinov2_with_registers", "Bit"},
                                                    {"dinov3_vit", "DINOv3ViT"},
                                                    {"clip_vision_model", "CLIP"},
                                                    {"metaclip_2", "CLIP"},
                                                    {"metaclip_2_vision_model", "CLIP"},
                                                    {"siglip", "Siglip"},
                                                    {"siglip_vision_model", "Siglip"},
                                                    {"aimv2_vision_model", "CLIP"},
                                                    {"beit", "Beit"},
                                                    {"data2vec-vision", "Beit"},
                                                    {"resnet", "ConvNext"},
                                                    {"bit", "Bit"},
                                                    {"vit-hybrid", "ViTHybrid"}}};

// What changes no pixel of a picture.
constexpr std::array<std::string_view, 14> kHarmless = {
    "processor_class",         // what joins it with a tokenizer
    "_valid_processor_keys",   // names of keys
    "do_convert_rgb",          // pictures have the network's colours already
    "do_reduce_labels",        // of segmentation maps
    "reduce_labels",           // the same, formerly
    "data_format",             // order of axes, which the network has fixed
    "input_data_format",       // the same of what comes in
    "model_input_names",       // what the result is called
    "return_tensors",          // type of the result
    "image_seq_length",        // of texts with pictures
    "device",                  // where it is computed
    "disable_grouping",        // how it is computed
    "use_fast",                // by which backend
    "feature_extractor_type",  // the class, if image_processor_type does not say
};

// Means and deviations beyond are mistakes.
constexpr double kMaxColour = 1e6;
constexpr double kMinColour = 1e-6;

constexpr std::string_view kProcessor = "ImageProcessor";
constexpr std::string_view kExtractor = "FeatureExtractor";

/// crop / resize as timm's crop_pct: floor(crop / crop_pct) is the size again.
double crop_pct(int64_t crop, int64_t resize) {
  const auto c = static_cast<double>(crop);
  double pct = c / static_cast<double>(resize);
  while (std::floor(c / pct) < static_cast<double>(resize)) pct = std::nextafter(pct, 0.0);
  return pct;
}

int64_t resize_of(int64_t crop, double pct) {
  return static_cast<int64_t>(std::floor(static_cast<double>(crop) / pct));
}

/// Reads the object of an image processor.
class ProcessorReader {
 public:
  ProcessorReader(const json& object, const HuggingFaceProcessor& of)
      : of_(of), keys_(object, of.path, of.place) {}

  HuggingFacePreprocess read();

 private:
  /// The class; of those by name, the file or the model_type says which.
  const ProcessorClass& find_class();
  std::string_view class_name(const std::string& said, std::string_view suffix) const;
  /// Whether a switch is on; one that is null is not.
  bool is_on(std::string_view key, bool usual);
  /// Refuses null for what `step` needs: it does not stand for the class's own value.
  void need(std::string_view key, std::string_view step);
  std::optional<Sides> read_sides(const char* key, bool square_numbers);
  /// Sets what is resized and cut out.
  void read_geometry(const ProcessorClass& c, Preprocess& rule);
  void set_geometry(std::optional<Sides> resize, std::optional<Sides> crop, Preprocess& rule);
  /// ConvNeXt's own way, in place of `resize`: to more than what is cut out, or squashed.
  void read_conv_next(std::optional<Sides>& resize, std::optional<Sides>& crop);
  void read_padding(const ProcessorClass& c, const Preprocess& rule);
  void read_values(const ProcessorClass& c, Preprocess& rule);
  std::vector<double> read_colour(const char* key, const Colour& usual);

  HuggingFaceProcessor of_;
  KnownKeys keys_;
  bool by_model_type_ = false;
};

std::string_view ProcessorReader::class_name(const std::string& said,
                                             std::string_view suffix) const {
  std::string_view name = said;
  for (const std::string_view backend : {"Fast", "Pil"}) {
    if (name.ends_with(backend)) name.remove_suffix(backend.size());
  }
  if (!name.ends_with(suffix)) return {};
  name.remove_suffix(suffix.size());
  return name;
}

const ProcessorClass& ProcessorReader::find_class() {
  const auto* const usual = std::ranges::find(kUsual, of_.model_type, &UsualProcessor::model_type);
  const std::string_view usual_name = usual == kUsual.end() ? "" : usual->name;
  std::string said;
  const char* key = "image_processor_type";
  std::string_view name = usual_name;
  if (keys_.read(key, said)) {
    name = class_name(said, kProcessor);
    // transformers has no class of this name any more, and takes the usual one.
    if (name.empty() && class_name(said, kExtractor) == usual_name) name = usual_name;
  } else if (keys_.read("feature_extractor_type", said)) {
    key = "feature_extractor_type";
    name = class_name(said, kExtractor);
    if (name.empty()) name = class_name(said, kProcessor);
  } else {
    by_model_type_ = true;
  }
  const auto* const found = std::ranges::find(kClasses, name, &ProcessorClass::name);
  // Gone with version 5, which takes the usual one in its place.
  const bool gone = name == "ViTHybrid" && usual_name != name;
  if (found != kClasses.end() && !gone) return *found;
  std::string known;
  for (const ProcessorClass& c : kClasses) {
    known += fmt::format("{}{}{}", known.empty() ? "" : ", ", c.name, kProcessor);
  }
  keys_.refuse(key, fmt::format("known for model_type {} are {}", of_.model_type, known));
}

bool ProcessorReader::is_on(std::string_view key, bool usual) {
  return keys_.value_or(key, usual) && !keys_.is_null(key);
}

void ProcessorReader::need(std::string_view key, std::string_view step) {
  if (keys_.is_null(key)) keys_.refuse(key, fmt::format("{} needs it", step));
}

/// A number, [height, width], {"height", "width"} or {"shortest_edge"}.
std::optional<Sides> ProcessorReader::read_sides(const char* key, bool square_numbers) {
  const json* value = keys_.find(key);
  if (value == nullptr) return std::nullopt;
  Sides sides{0, 0};
  if (value->is_object()) {
    KnownKeys inner(*value, of_.path, fmt::format("{}{}.", of_.place, key));
    if (inner.read("shortest_edge", sides.height)) {
      sides.shorter = true;
      sides.width = sides.height;
    } else if (!inner.read("height", sides.height) || !inner.read("width", sides.width)) {
      keys_.refuse(key, "known are shortest_edge, or height and width");
    }
    inner.finish();
  } else if (value->is_array()) {
    if (value->size() != 2) keys_.refuse(key, "a list has height and width");
    keys_.reading(key, [&] {
      read_json(value->at(0), sides.height);
      read_json(value->at(1), sides.width);
    });
  } else {
    keys_.read(key, sides.height);
    sides.width = sides.height;
    sides.shorter = !square_numbers;
  }
  if (std::min(sides.height, sides.width) < 1 ||
      std::max(sides.height, sides.width) > kMaxInputSide) {
    keys_.refuse(key, fmt::format("sides are 1 to {} pixels", kMaxInputSide));
  }
  return sides;
}

void ProcessorReader::read_geometry(const ProcessorClass& c, Preprocess& rule) {
  const bool square = is_on("default_to_square", c.square_numbers);
  const bool resizes = is_on("do_resize", true);
  const bool crops = is_on("do_center_crop", c.crops);
  std::optional<Sides> resize = read_sides("size", square).value_or(c.size);
  std::optional<Sides> crop = read_sides("crop_size", /*square_numbers=*/true);
  if (!resizes) resize.reset();
  if (resizes) need("size", "do_resize");
  if (!crops) {
    crop.reset();
  } else {
    need("crop_size", "do_center_crop");
    if (!crop && c.crop > 0) crop = Sides{c.crop, c.crop};
    if (!crop) keys_.refuse("crop_size", "do_center_crop needs it");
    if (crop->shorter) keys_.refuse("crop_size", "a crop has height and width");
  }
  // Read by this class alone; the others go by what is above.
  keys_.find("crop_pct");
  // A file without a class that says height and width was not written by this one.
  const bool other = by_model_type_ && resizes && !resize->shorter;
  if (c.name == "ConvNext" && resizes && !other) read_conv_next(resize, crop);
  set_geometry(resize, crop, rule);
  keys_.find("resample");  // of no use where nothing is resized
  if (!resizes) return;
  need("resample", "do_resize");
  const auto resample = keys_.value_or("resample", c.resample);
  if (resample < 0 || resample >= static_cast<int64_t>(kHfResample.size())) {
    keys_.refuse("resample", "Pillow's filters are 0 to 5");
  }
  rule.interpolation = kHfResample[static_cast<size_t>(resample)];
}

void ProcessorReader::read_conv_next(std::optional<Sides>& resize, std::optional<Sides>& crop) {
  constexpr int64_t kSquashFrom = 384;
  constexpr double kCropPct = 224.0 / 256;
  if (!resize->shorter) keys_.refuse("size", "ConvNextImageProcessor wants its shortest_edge");
  const int64_t side = resize->height;
  if (side >= kSquashFrom) {
    resize->shorter = false;
    return;
  }
  need("crop_pct", "a shortest_edge below 384");
  const double pct = keys_.value_or("crop_pct", kCropPct);
  if (!(pct >= kMinCropPct && pct <= 2)) {
    keys_.refuse("crop_pct", fmt::format("it must be {} to 2", kMinCropPct));
  }
  if (crop && (crop->height != side || crop->width != side)) {
    keys_.refuse("crop_size", "a second crop, behind that to the shortest_edge");
  }
  crop = Sides{side, side};
  resize->height = resize->width = static_cast<int64_t>(static_cast<double>(side) / pct);
}

void ProcessorReader::set_geometry(std::optional<Sides> resize, std::optional<Sides> crop,
                                   Preprocess& rule) {
  if (!crop && !resize) {
    keys_.refuse("do_resize", "without do_center_crop pictures would have different sizes");
  }
  if (!crop && resize->shorter) {
    keys_.refuse("size", "without do_center_crop pictures would have different sizes");
  }
  const Sides result = crop.value_or(resize.value_or(Sides{}));
  rule.height = result.height;
  rule.width = result.width;
  rule.crop_pct = 1;
  if (crop) rule.crop_rounding = CropRounding::kDown;
  if (!resize) {
    rule.crop_mode = CropMode::kUnscaled;
    return;
  }
  rule.crop_mode = resize->shorter ? CropMode::kCenter : CropMode::kSquash;
  if (!crop) return;
  if (resize->shorter && crop->height != crop->width) {
    keys_.refuse("crop_size", "of a picture whose shorter side is resized, a square is cut out");
  }
  rule.crop_pct =
      std::min(crop_pct(crop->height, resize->height), crop_pct(crop->width, resize->width));
  if (resize_of(crop->height, rule.crop_pct) != resize->height ||
      resize_of(crop->width, rule.crop_pct) != resize->width) {
    keys_.refuse("crop_size", fmt::format("of {} x {} pixels another part of height and of width",
                                          resize->height, resize->width));
  }
  if (rule.crop_pct < kMinCropPct || rule.crop_pct > 2) {
    keys_.refuse("crop_size", fmt::format("of pictures of {} pixels it must be {} to 2 times that",
                                          resize->height, kMinCropPct));
  }
}

/// Pictures of one size are padded to nothing else, unless a size is said.
void ProcessorReader::read_padding(const ProcessorClass& c, const Preprocess& rule) {
  const bool pads = is_on("do_pad", false);
  keys_.find("pad_size");
  if (!pads || c.name == "ConvNext" || c.name == "Beit") return;  // those never pad
  const std::optional<Sides> to = read_sides("pad_size", /*square_numbers=*/true);
  if (!to || (to->height == rule.height && to->width == rule.width && !to->shorter)) return;
  keys_.refuse("pad_size", "pictures that are padded behind their last pixel");
}

std::vector<double> ProcessorReader::read_colour(const char* key, const Colour& usual) {
  const auto channels = static_cast<size_t>(of_.channels);
  const json* value = keys_.find(key);
  std::vector<double> colour(usual.begin(), usual.end());
  if (value != nullptr && value->is_number()) {
    double one = 0;
    keys_.read(key, one);
    colour.assign(channels, one);
  } else if (value != nullptr) {
    keys_.read(key, colour);
  }
  if (colour.size() != channels) {
    keys_.refuse(
        key, fmt::format("{} numbers for the network's num_channels {}", colour.size(), channels));
  }
  return colour;
}

/// (v rescale_factor - mean) / std, as (v / 255 - mean / (255 f)) / (std / (255 f))
void ProcessorReader::read_values(const ProcessorClass& c, Preprocess& rule) {
  constexpr double kWhite = 255;
  const bool rescales = is_on("do_rescale", true);
  keys_.find("rescale_factor");
  if (rescales) need("rescale_factor", "do_rescale");
  const double factor = rescales ? keys_.value_or("rescale_factor", 1 / kWhite) : 1;
  if (!(factor > 0 && factor <= kWhite)) keys_.refuse("rescale_factor", "it must be 0 to 255");
  keys_.find("image_mean");
  keys_.find("image_std");
  rule.mean.assign(static_cast<size_t>(of_.channels), 0.0);
  rule.stddev.assign(static_cast<size_t>(of_.channels), 1.0);
  if (is_on("do_normalize", true)) {
    need("image_mean", "do_normalize");
    need("image_std", "do_normalize");
    rule.mean = read_colour("image_mean", c.mean);
    rule.stddev = read_colour("image_std", c.stddev);
    const auto too_large = [](double v) { return !(std::abs(v) <= kMaxColour); };
    if (std::ranges::any_of(rule.mean, too_large)) keys_.refuse("image_mean", "out of range");
    const auto no_divisor = [](double v) { return !(v >= kMinColour && v <= kMaxColour); };
    if (std::ranges::any_of(rule.stddev, no_divisor)) {
      keys_.refuse("image_std", "it must be above 0");
    }
  }
  if (factor == 1 / kWhite) return;
  for (double& v : rule.mean) v /= kWhite * factor;
  for (double& v : rule.stddev) v /= kWhite * factor;
}

HuggingFacePreprocess ProcessorReader::read() {
  const ProcessorClass& c = find_class();
  HuggingFacePreprocess result;
  result.rule.channels = of_.channels;
  result.processor = fmt::format("{}{}", c.name, kProcessor);
  if (by_model_type_) result.processor += fmt::format(", usual for {}", of_.model_type);
  read_geometry(c, result.rule);
  read_padding(c, result.rule);
  read_values(c, result.rule);
  keys_.require("use_square_size", {false});
  keys_.finish(kHarmless);
  return result;
}

}  // namespace

HuggingFacePreprocess read_hugging_face_preprocess(const json& object,
                                                   const HuggingFaceProcessor& of) {
  return ProcessorReader(object, of).read();
}

}  // namespace vitrine
