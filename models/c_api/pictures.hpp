#pragma once

#include "models/c_api/vitrine.h"
#include "models/data/picture_source.hpp"

namespace vitrine {

/// The pictures of a call of the C interface, as this version knows them.
class Pictures : public PictureSource {
 public:
  /// Throws UsageError if the array is null, or its pictures are smaller than the first version's
  /// or hold something that this version does not know.
  Pictures(const vitrine_picture* pictures, size_t count);

  int64_t size() const override { return static_cast<int64_t>(count_); }

  /// Throws UsageError and ShapeError that name the picture and what of it is impossible, and
  /// IoError and FormatError for its file.
  ImageView picture(int64_t i, int channels, Exif exif, Image& storage) const override;

 private:
  vitrine_picture at(size_t i) const;

  const std::byte* bytes_;
  size_t count_;
  size_t pitch_ = 0;  // bytes from one picture to the next
};

}  // namespace vitrine
