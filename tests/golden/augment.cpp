#include <fmt/format.h>

#include "core/error.hpp"
#include "models/data/picture_operation.hpp"
#include "ops/images/affine.hpp"
#include "ops/images/enhance.hpp"
#include "ops/images/gaussian_blur.hpp"
#include "tests/golden/case.hpp"

// Family "augment": what timm's operations, Pillow and torchvision do to 8-bit pictures, bit for
// bit. An entry has the key "operation" (with level, negated, filter, fill), "degrees", "adjust"
// (with factor) or "radius".

namespace vitrine::golden {
namespace {

using Adjust = void (*)(Image&, double);

Adjust adjustment(const std::string& name) {
  if (name == "brightness") return adjust_brightness;
  if (name == "contrast") return adjust_contrast;
  if (name == "saturation") return adjust_color;
  if (name == "hue") return adjust_hue;
  throw NotOffered{"adjustment " + name};
}

void change(const Json& entry, Image& image) {
  const auto fill = entry.value("fill", std::vector<uint8_t>());
  const ResizeFilter filter = resize_filter(entry.value("filter", "bicubic"));
  if (entry.contains("operation")) {
    const OperationSetting setting{entry.at("level"), entry.at("negated"), filter, fill};
    picture_operation(entry.at("operation").get<std::string>()).apply(image, setting);
  } else if (entry.contains("degrees")) {
    image = rotate(image, entry.at("degrees"), filter, fill);
  } else if (entry.contains("adjust")) {
    adjustment(entry.at("adjust"))(image, entry.at("factor"));
  } else if (entry.contains("radius")) {
    gaussian_blur(image, entry.at("radius"));
  } else {
    throw NotOffered{"a kind of augmentation"};
  }
}

void check_augment(const Manifest& manifest, const Json& entry, Result& result) {
  const TensorFile& file = manifest.file(manifest.json().at("file"));
  const std::string input = entry.at("input");
  const std::vector<int64_t>& shape = file.raw(input).shape;
  if (shape.size() != 3) throw Error(fmt::format("'{}' is not an image", input));
  Image image{shape[1], shape[0], static_cast<int>(shape[2]), file.bytes(input)};
  change(entry, image);
  const std::vector<uint8_t> want = file.bytes(entry.at("output"));
  if (image.pixels.size() != want.size()) {
    result.fail(fmt::format("{} bytes, expected {}", image.pixels.size(), want.size()));
    return;
  }
  size_t wrong = 0;
  size_t first = want.size();
  for (size_t i = want.size(); i-- > 0;) {
    if (image.pixels[i] == want[i]) continue;
    ++wrong;
    first = i;
  }
  if (wrong == 0) return;
  result.fail(fmt::format("{} of {} bytes differ, the first is byte {}: {}, expected {}", wrong,
                          want.size(), first, image.pixels[first], want[first]));
}

}  // namespace

std::vector<Case> augment_cases(const ManifestPtr& manifest) {
  return cases_from(manifest->json().at("cases"), [manifest](const Json& entry, Result& result) {
    check_augment(*manifest, entry, result);
  });
}

}  // namespace vitrine::golden
