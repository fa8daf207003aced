#include "models/networks/token_layout.hpp"

#include <algorithm>

namespace vitrine {

std::vector<double> TokenLayout::read_weights() const {
  std::vector<double> weights(static_cast<size_t>(tokens()), 0.0);
  const int64_t begin = read > 0 ? 0 : prefix;
  const int64_t count = read > 0 ? read : patches();
  std::fill_n(weights.begin() + begin, count, 1.0 / static_cast<double>(count));
  return weights;
}

TokenLayout TokenLayout::of(const VitConfig& config) {
  // Of class token and patches side by side, the class token's attention is the one to look at.
  const bool of_patches = config.pool != Pool::kToken && config.pool != Pool::kTokenMean;
  const int64_t read = of_patches ? 0 : config.distilled ? 2 : 1;
  return {config.prefix_tokens(), config.grid_height(), config.grid_width(), read};
}

}  // namespace vitrine
