#pragma once

#include <string>
#include <vector>

#include "models/data/dataset.hpp"

namespace vitrine {

/// Pictures of one size that came in few files: IDX, CIFAR.
class MemoryDataset : public Dataset {
 public:
  ///   pixels   (n, height, width, channels), channels 1 or 3
  ///   labels   (n), each in [0, class_names.size())
  /// Throws ShapeError if there are not as many pixels, and UsageError for labels as Dataset.
  MemoryDataset(std::vector<uint8_t> pixels, int64_t height, int64_t width, int channels,
                std::vector<int32_t> labels, std::vector<std::string> class_names,
                DatasetFacts facts = {});

  ImageView picture(int64_t i, int channels, Exif exif, Image& storage) const override;

 private:
  std::vector<uint8_t> pixels_;
  int64_t height_, width_;
  int channels_;
};

}  // namespace vitrine
