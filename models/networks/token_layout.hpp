#pragma once

#include <cstdint>
#include <vector>

#include "models/networks/vit_config.hpp"

namespace vitrine {

/// Where the patches are in a sequence of N tokens, and which tokens the head reads: what is needed
/// to turn attention into a picture.
struct TokenLayout {
  int64_t prefix = 1;  ///< tokens before the patches: class, distillation, registers
  int64_t grid_height = 0;
  int64_t grid_width = 0;
  int64_t read = 1;  ///< the head reads the mean of the first `read` tokens; 0: of the patches

  int64_t patches() const { return grid_height * grid_width; }
  int64_t tokens() const { return prefix + patches(); }
  /// (N) weights, with sum 1, of the tokens in what the head reads.
  std::vector<double> read_weights() const;

  static TokenLayout of(const VitConfig& config);
};

}  // namespace vitrine
