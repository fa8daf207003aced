#include "models/networks/vit_sizes.hpp"

#include <algorithm>
#include <array>

namespace vitrine {
namespace {

// xsmall and those from wee to betwixt are from "searching for better baselines" (timm's sbb);
// so400m is of Alabdulmohsin et al. 2023 (arXiv 2305.13035), so150m and so150m2 are timm's after
// it. timm's dwee and dlittle have another attention (differential) and are none of these.
constexpr std::array<VitSize, 17> kSizes = {{{"tiny", 192, 12, 3, 4},
                                             {"xsmall", 256, 10, 4, 4},
                                             {"small", 384, 12, 6, 4},
                                             {"medium", 512, 12, 8, 4},
                                             {"base", 768, 12, 12, 4},
                                             {"large", 1024, 24, 16, 4},
                                             {"huge", 1280, 32, 16, 4},
                                             {"giant", 1408, 40, 16, 48.0 / 11},
                                             {"gigantic", 1664, 48, 16, 64.0 / 13},
                                             {"wee", 256, 14, 4, 5},
                                             {"little", 320, 14, 5, 5.6},
                                             {"mediumd", 512, 20, 8, 4},
                                             {"betwixt", 640, 12, 10, 4},
                                             {"giantopt", 1536, 40, 16, 4},
                                             {"so150m", 896, 18, 14, 2.572},
                                             {"so150m2", 832, 21, 13, 34.0 / 13},
                                             {"so400m", 1152, 27, 16, 3.7362}}};

}  // namespace

bool set_vit_size(VitConfig& config, std::string_view name, std::span<const VitSize> own) {
  for (const std::span<const VitSize> sizes : {own, std::span<const VitSize>(kSizes)}) {
    const auto size = std::ranges::find(sizes, name, &VitSize::name);
    if (size == sizes.end()) continue;
    config.width = size->width;
    config.depth = size->depth;
    config.heads = size->heads;
    config.mlp_ratio = size->mlp_ratio;
    return true;
  }
  return false;
}

void set_vit_pixels(VitConfig& config, int64_t pixels, int64_t patch) {
  config.image_height = config.image_width = pixels;
  config.patch_height = config.patch_width = patch;
}

}  // namespace vitrine
