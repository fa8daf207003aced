#pragma once

#include <string>
#include <vector>

#include "models/data/dataset.hpp"

namespace vitrine {

/// Pictures that are files, decoded when asked for: folders, lists.
class FileDataset : public Dataset {
 public:
  /// One path per label. Throws ShapeError if there are not as many, and UsageError for labels as
  /// Dataset.
  FileDataset(std::vector<std::string> files, std::vector<int32_t> labels,
              std::vector<std::string> class_names, DatasetFacts facts = {});

  ImageView picture(int64_t i, int channels, Exif exif, Image& storage) const override;
  std::string file(int64_t i) const override;

 private:
  std::vector<std::string> files_;
};

}  // namespace vitrine
