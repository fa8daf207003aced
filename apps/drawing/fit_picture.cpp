#include "apps/drawing/fit_picture.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "ops/images/resize.hpp"

namespace vitrine {
namespace {

Image as_rgb(Image image) {
  if (image.channels == 3) return image;
  Image rgb = {image.width, image.height, 3, {}};
  rgb.pixels.reserve(3 * image.pixels.size());
  for (const uint8_t v : image.pixels) rgb.pixels.insert(rgb.pixels.end(), 3, v);
  return rgb;
}

}  // namespace

Image fit_picture(const Image& picture, int64_t side) {
  check(picture.width > 0 && picture.height > 0, "fit_picture", "the picture has no pixels");
  const int64_t longer = std::max(picture.width, picture.height);
  if (2 * longer <= side) {
    const int64_t factor = side / longer;
    return as_rgb(
        resize(picture, factor * picture.width, factor * picture.height, ResizeFilter::kNearest));
  }
  const auto scaled = [&](int64_t size) {
    const double exact = static_cast<double>(size * side) / static_cast<double>(longer);
    return std::max<int64_t>(std::lround(exact), 1);
  };
  return as_rgb(
      resize(picture, scaled(picture.width), scaled(picture.height), ResizeFilter::kBicubic));
}

}  // namespace vitrine
