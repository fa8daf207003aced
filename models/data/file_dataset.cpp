#include "models/data/file_dataset.hpp"

#include <fmt/format.h>

#include "core/error.hpp"

namespace vitrine {

FileDataset::FileDataset(std::vector<std::string> files, std::vector<int32_t> labels,
                         std::vector<std::string> class_names, DatasetFacts facts)
    : Dataset(std::move(labels), std::move(class_names), std::move(facts)),
      files_(std::move(files)) {
  if (std::ssize(files_) != size()) {
    throw ShapeError(fmt::format("[dataset] {} labels for {} files", size(), files_.size()));
  }
}

ImageView FileDataset::picture(int64_t i, int channels, Exif exif, Image& storage) const {
  storage = read_image(file(i), channels, exif);
  return storage;
}

std::string FileDataset::file(int64_t i) const {
  check_number(i);
  return files_[static_cast<size_t>(i)];
}

}  // namespace vitrine
