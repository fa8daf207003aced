#pragma once

#include <cstdint>

#include "core/images/image.hpp"
#include "ops/images/image_view.hpp"

namespace vitrine {

/// Pictures by their numbers, wherever they come from: files, memory, a caller's own. Constant once
/// made: any thread may ask.
class PictureSource {
 public:
  PictureSource() = default;
  PictureSource(const PictureSource&) = delete;
  PictureSource& operator=(const PictureSource&) = delete;
  virtual ~PictureSource() = default;

  virtual int64_t size() const = 0;

  /// Picture i. `channels` (1 or 3) and `exif` are how a file is read (read_image); pixels that are
  /// in memory come as they are. `storage` keeps the pixels of a file and must outlive the view.
  /// Throws IoError or FormatError with the name of a file that cannot be read, and UsageError if
  /// there is no such picture.
  virtual ImageView picture(int64_t i, int channels, Exif exif, Image& storage) const = 0;
};

}  // namespace vitrine
