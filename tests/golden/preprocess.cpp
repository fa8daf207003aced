#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/images/exif.hpp"
#include "core/images/image.hpp"
#include "models/data/preprocess.hpp"
#include "ops/images/resize.hpp"
#include "ops/permute.hpp"
#include "tests/golden/case.hpp"

// Family "preprocess": decoding, resizing, cropping and normalising images.

namespace vitrine::golden {
namespace {

constexpr int kRgb = 3;
constexpr int64_t kFileLimit = int64_t{1} << 30;

/// A stored image, (H, W, 3).
Image stored_image(const TensorFile& file, const std::string& name) {
  const std::vector<int64_t>& shape = file.raw(name).shape;
  if (shape.size() != 3) throw Error(fmt::format("'{}' is not an image", name));
  return {shape[1], shape[0], static_cast<int>(shape[2]), file.bytes(name)};
}

/// Distance of two images of bytes; nothing may differ if no tolerance is given.
void compare_pixels(const std::string& what, const Image& got, const Image& want,
                    const Json& tolerance, Result& result) {
  if (got.width != want.width || got.height != want.height || got.channels != want.channels) {
    result.fail(fmt::format("{}: {} x {} x {}, expected {} x {} x {}", what, got.height, got.width,
                            got.channels, want.height, want.width, want.channels));
    return;
  }
  int64_t largest = 0;
  int64_t sum = 0;
  size_t at = 0;
  for (size_t i = 0; i < want.pixels.size(); ++i) {
    const int64_t error = std::abs(int{got.pixels[i]} - int{want.pixels[i]});
    sum += error;
    if (error > largest) {
      largest = error;
      at = i;
    }
  }
  const double mean = static_cast<double>(sum) / static_cast<double>(want.pixels.size());
  const auto width = static_cast<size_t>(want.width * want.channels);
  const double allowed = tolerance.is_null() ? 0 : tolerance.at("max_abs").get<double>();
  const double allowed_mean = tolerance.is_null() ? 0 : tolerance.at("mean_abs").get<double>();
  result.expect(static_cast<double>(largest) <= allowed && mean <= allowed_mean,
                fmt::format("{}: largest error {} at [{}, {}, {}], mean {:.3g}; allowed {} and {}",
                            what, largest, at / width, at % width / static_cast<size_t>(kRgb),
                            at % static_cast<size_t>(kRgb), mean, allowed, allowed_mean));
}

void check_decoding(const Manifest& manifest, const Json& entry, Result& result) {
  const TensorFile& file = manifest.file(manifest.json().at("file"));
  const std::string path = (manifest.folder() / entry.at("file").get<std::string>()).string();
  const Json tolerance = entry.value("decode_tolerance", Json());
  const Image decoded = read_image(path, kRgb, Exif::kAsStored);
  compare_pixels("decoded", decoded, stored_image(file, entry.at("decoded")), tolerance, result);

  const int orientation = exif_orientation(read_file(path, kFileLimit));
  result.expect(
      orientation == entry.value("exif_orientation", 1),
      fmt::format("orientation {}, expected {}", orientation, entry.value("exif_orientation", 1)));
  if (!entry.contains("decoded_upright")) return;
  compare_pixels("decoded_upright", apply_orientation(decoded, orientation),
                 stored_image(file, entry.at("decoded_upright")), tolerance, result);
}

Preprocess rule_of(const Json& transform) {
  Preprocess rule;
  rule.height = rule.width = transform.at("size").get<int64_t>();
  rule.channels = kRgb;
  rule.interpolation = resize_filter(transform.at("interpolation").get<std::string>());
  rule.crop_pct = transform.at("crop_pct");
  const std::string crop_mode = transform.value("crop_mode", "center");
  if (crop_mode != "center" && crop_mode != "squash") throw NotOffered{"crop_mode " + crop_mode};
  rule.crop_mode = crop_mode == "squash" ? CropMode::kSquash : CropMode::kCenter;
  rule.mean = transform.at("mean").get<std::vector<double>>();
  rule.stddev = transform.at("std").get<std::vector<double>>();
  return rule;
}

/// Starts from the stored decoded image, so that no decoder plays a part.
void check_transform(const Manifest& manifest, const Json& entry, const Json& transform,
                     Result& result) {
  const TensorFile& file = manifest.file(manifest.json().at("file"));
  const Image picture = stored_image(file, entry.at("decoded"));
  const Preprocess rule = rule_of(transform);
  compare_pixels("crop_u8", prepare_pixels(picture, rule),
                 stored_image(file, transform.at("crop_u8")), Json(), result);

  const Tensor nchw = permute(preprocess(picture, rule), {0, 3, 1, 2});
  const Tensor got = nchw.reshape({nchw.dim(1), nchw.dim(2), nchw.dim(3)});
  if (transform.contains("float")) {
    result.compare("float", got, file.tensor(transform.at("float")), Tolerance{});
  }
  const auto first = transform.at("float_first8").get<std::vector<float>>();
  const std::vector<int64_t> count = {static_cast<int64_t>(first.size())};
  result.compare("float_first8", Values(got.values().first(first.size()), count),
                 Values(first, count), Tolerance{});
  double sum = 0;
  for (const float v : got.values()) sum += double{v};
  // The reference may have added in float32.
  constexpr double kMeanTolerance = 1e-5;
  result.compare("float_mean", sum / static_cast<double>(got.numel()),
                 number(transform.at("float_mean")), {kMeanTolerance, kMeanTolerance});
}

/// One of Pillow's resizes, bit for bit.
void check_resize(const Manifest& manifest, const Json& entry, Result& result) {
  const TensorFile& file = manifest.file(manifest.json().at("file"));
  const auto to = entry.at("to").get<std::vector<int64_t>>();
  const ResizeFilter filter = resize_filter(entry.at("filter").get<std::string>());
  const Image got = resize(stored_image(file, entry.at("input")), to.at(0), to.at(1), filter);
  compare_pixels("output", got, stored_image(file, entry.at("output")), Json(), result);
}

}  // namespace

std::vector<Case> preprocess_cases(const ManifestPtr& manifest) {
  std::vector<Case> cases;
  for (Case& image :
       cases_from(manifest->json().at("cases"), [manifest](const Json& entry, Result& result) {
         check_decoding(*manifest, entry, result);
       })) {
    const Json entry = image.entry;
    cases.push_back(std::move(image));
    if (!entry.contains("transforms")) continue;
    int number_of = 0;
    for (const Json& transform : entry.at("transforms")) {
      cases.push_back({fmt::format("{}/t{}", entry.at("id").get<std::string>(), number_of++), entry,
                       [manifest, entry, transform](Result& result) {
                         check_transform(*manifest, entry, transform, result);
                       }});
    }
  }
  const Json resizes = manifest->json().value("resizes", Json::array());
  for (Case& c : cases_from(resizes, [manifest](const Json& entry, Result& result) {
         check_resize(*manifest, entry, result);
       })) {
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace vitrine::golden
