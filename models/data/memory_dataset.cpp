#include "models/data/memory_dataset.hpp"

#include <fmt/format.h>

#include "core/error.hpp"

namespace vitrine {

MemoryDataset::MemoryDataset(std::vector<uint8_t> pixels, int64_t height, int64_t width,
                             int channels, std::vector<int32_t> labels,
                             std::vector<std::string> class_names, DatasetFacts facts)
    : Dataset(std::move(labels), std::move(class_names), std::move(facts)),
      pixels_(std::move(pixels)),
      height_(height),
      width_(width),
      channels_(channels) {
  if (height < 1 || width < 1 || (channels != 1 && channels != 3) ||
      static_cast<int64_t>(pixels_.size()) != size() * height * width * channels) {
    throw ShapeError(fmt::format("[dataset] {} bytes are not {} pictures of {} x {} x {}",
                                 pixels_.size(), size(), height, width, channels));
  }
}

ImageView MemoryDataset::picture(int64_t i, int /*channels*/, Exif /*exif*/,
                                 Image& /*storage*/) const {
  check_number(i);
  return {pixels_.data() + i * height_ * width_ * channels_, width_, height_, channels_};
}

}  // namespace vitrine
