#include "models/layer_decay.hpp"

#include <charconv>
#include <cmath>
#include <initializer_list>

namespace vitrine {

int64_t layer_of(std::string_view name, int64_t depth) {
  constexpr std::string_view kBlocks = "blocks.";
  if (name.starts_with(kBlocks)) {
    int64_t block = 0;
    const std::string_view number = name.substr(kBlocks.size());
    std::from_chars(number.data(), number.data() + number.size(), block);
    return block + 1;
  }
  for (const std::string_view embedding :
       {"cls_token", "dist_token", "reg_token", "pos_embed", "patch_embed.", "norm_pre."}) {
    if (name.starts_with(embedding)) return 0;
  }
  return depth + 1;
}

double layer_scale_of(std::string_view name, int64_t depth, double decay) {
  return std::pow(decay, static_cast<double>(depth + 1 - layer_of(name, depth)));
}

}  // namespace vitrine
