#include "models/networks/whole_patches.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace vitrine {
namespace {

/// Of `step`, at least one of it.
int64_t nearest_multiple(int64_t value, int64_t step) {
  const int64_t below = value - value % step;
  return std::max(value - below < below + step - value ? below : below + step, step);
}

}  // namespace

void require_whole_patches(const VitConfig& config, int64_t image_height, int64_t image_width) {
  const Size2d patch = config.patch_pixels();
  if (image_height % patch.h == 0 && image_width % patch.w == 0) return;
  throw UsageError(fmt::format(
      "an image of {} x {} pixels does not divide into patches of {} x {}: take {} x {}",
      image_height, image_width, patch.h, patch.w, nearest_multiple(image_height, patch.h),
      nearest_multiple(image_width, patch.w)));
}

}  // namespace vitrine
