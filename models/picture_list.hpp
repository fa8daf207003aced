#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/dataset.hpp"

namespace vitrine {

/// Files of pictures and their classes.
struct PictureList {
  std::vector<std::string> files;
  std::vector<int32_t> labels;
};

/// The training or the test part of pictures that have no test part of their own: kTestFraction of
/// every class is for testing. A function of the list alone: a model must not be tested on pictures
/// that another seed trained it on.
PictureList part_of(const PictureList& all, Split split);

}  // namespace vitrine
