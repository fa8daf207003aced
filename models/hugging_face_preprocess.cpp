#include "models/hugging_face_preprocess.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "models/config_json.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

// PIL's numbers, in the order of "resample".
constexpr std::array<ResizeFilter, 6> kResample = {ResizeFilter::kNearest,  ResizeFilter::kLanczos,
                                                   ResizeFilter::kBilinear, ResizeFilter::kBicubic,
                                                   ResizeFilter::kBox,      ResizeFilter::kHamming};

/// crop / resize as timm's crop_pct: floor(crop / crop_pct) is the size again.
double crop_pct(int64_t crop, int64_t resize) {
  const auto c = static_cast<double>(crop);
  double pct = c / static_cast<double>(resize);
  while (std::floor(c / pct) < static_cast<double>(resize)) pct = std::nextafter(pct, 0.0);
  return pct;
}

}  // namespace

void read_hugging_face_preprocess(const json& config, Preprocess& rule) {
  int64_t height = 224;
  int64_t width = 224;
  bool squash = true;
  if (const auto size = config.find("size"); size != config.end()) {
    if (size->is_object() && size->contains("shortest_edge")) {
      squash = false;
      height = width = read_json<int64_t>(size->at("shortest_edge"));
    } else if (size->is_object()) {
      height = read_json<int64_t>(size->at("height"));
      width = read_json<int64_t>(size->at("width"));
    } else {
      read_size(*size, height, width);
    }
  }
  rule.height = height;
  rule.width = width;
  if (config.value("do_center_crop", false) && config.contains("crop_size")) {
    const json& crop = config.at("crop_size");
    if (crop.is_object()) {
      rule.height = read_json<int64_t>(crop.at("height"));
      rule.width = read_json<int64_t>(crop.at("width"));
    } else {
      read_size(crop, rule.height, rule.width);
    }
  }
  if (std::min(height, rule.height) < 1 || std::max(height, rule.height) > kMaxInputSide) {
    throw UsageError(fmt::format("sizes {} and {}", height, rule.height));
  }
  // Pictures for small networks are resized to more than what is cut out (ConvNeXt's processor,
  // which ResNet has); for large ones they are squashed.
  constexpr int64_t kCropBelow = 384;
  if (config.contains("crop_pct") && config["crop_pct"].is_number() && !squash) {
    if (height < kCropBelow) {
      const double pct = config["crop_pct"].get<double>();
      if (!(pct > 0.1 && pct <= 1)) throw UsageError(fmt::format("crop_pct {}", pct));
      height = static_cast<int64_t>(static_cast<double>(height) / pct);
    } else {
      squash = true;
    }
  }
  rule.crop_pct = crop_pct(rule.height, height);
  rule.crop_mode = squash ? CropMode::kSquash : CropMode::kCenter;
  const auto resample = read_json_or(config, "resample", int64_t{2});
  if (resample < 0 || resample >= static_cast<int64_t>(kResample.size())) {
    throw UsageError(fmt::format("resample {} is none of Pillow's filters", resample));
  }
  rule.interpolation = kResample[static_cast<size_t>(resample)];
  if (config.value("do_normalize", true)) {
    rule.mean = config.value("image_mean", rule.mean);
    rule.stddev = config.value("image_std", rule.stddev);
  } else {
    rule.mean.assign(rule.mean.size(), 0.0);
    rule.stddev.assign(rule.stddev.size(), 1.0);
  }
}

json hugging_face_preprocess(const Preprocess& rule) {
  const auto filter = std::ranges::find(kResample, rule.interpolation) - kResample.begin();
  const auto whole = [&](int64_t side) {
    return static_cast<int64_t>(std::floor(static_cast<double>(side) / rule.crop_pct));
  };
  json result = {{"do_resize", true},           {"resample", filter},   {"do_rescale", true},
                 {"rescale_factor", 1.0 / 255}, {"do_normalize", true}, {"image_mean", rule.mean},
                 {"image_std", rule.stddev}};
  const json size = {{"height", rule.height}, {"width", rule.width}};
  const bool cropped = rule.crop_mode == CropMode::kCenter || whole(rule.height) != rule.height;
  if (rule.crop_mode == CropMode::kCenter) {
    result["size"] = {{"shortest_edge", whole(rule.height)}};
  } else {
    result["size"] = {{"height", whole(rule.height)}, {"width", whole(rule.width)}};
  }
  result["do_center_crop"] = cropped;
  if (cropped) result["crop_size"] = size;
  return result;
}

}  // namespace vitrine
