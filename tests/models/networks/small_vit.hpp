#pragma once

#include <memory>

#include "models/networks/vit.hpp"
#include "models/weights/model.hpp"

// A vision transformer that is small enough to be written to files and read back many times.

namespace vitrine::test {

inline VitConfig small_vit_config() {
  VitConfig c;
  c.image_height = c.image_width = 12;
  c.patch_height = c.patch_width = 4;
  c.width = 128;  // two heads, as a file that does not say has them
  c.depth = 2;
  c.heads = 2;
  c.mlp_ratio = 1.5;
  c.classes = 5;
  return c;
}

inline Model initialized_model(const VitConfig& config = small_vit_config()) {
  Model model;
  model.network = std::make_unique<Vit>(config);
  model.network->initialize(7);
  model.preprocess.height = config.image_height;
  model.preprocess.width = config.image_width;
  return model;
}

}  // namespace vitrine::test
