#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/data/dataset.hpp"

namespace vitrine {

/// Files of pictures and their classes.
struct PictureList {
  std::vector<std::string> files;
  std::vector<int32_t> labels;
};

/// What `split` takes of `all`, the pictures of the part that stands for it in a data set that has
/// `parts`: all of them, except where kTestFraction of every class is kept for testing, since the
/// data set, which lies at `path`, has a part neither for that nor for validation. A function of
/// the list alone: a model must not be tested on pictures that another seed trained it on. Adds to
/// `notes` what people should know. Throws IoError if no picture is left.
PictureList part_of(const PictureList& all, const DatasetParts& parts, Split split,
                    const std::string& path, std::vector<std::string>& notes);

}  // namespace vitrine
