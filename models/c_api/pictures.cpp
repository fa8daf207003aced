#include "models/c_api/pictures.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "models/c_api/sized_struct.hpp"
#include "ops/normalize.hpp"

namespace vitrine {
namespace {

// What the first version of the interface had: nothing may be left out.
constexpr size_t kFirstSize = offsetof(vitrine_picture, ignore_orientation) + sizeof(int64_t);

template <class E, class... Args>
[[noreturn]] void refuse(size_t i, fmt::format_string<Args...> text, Args&&... args) {
  throw E(fmt::format("pictures[{}]: {}", i, fmt::format(text, std::forward<Args>(args)...)));
}

/// Throws unless the sizes of raw pixels are possible.
ImageView view_of(const vitrine_picture& p, size_t i) {
  if (p.height < 1 || p.width < 1 || !is_image_size(p.width, p.height)) {
    refuse<ShapeError>(i, "height and width must be at least 1 and at most {} pixels, got {} x {}",
                       kMaxImagePixels, p.height, p.width);
  }
  if (p.channels != 1 && p.channels != 3 && p.channels != 4) {
    refuse<ShapeError>(i, "channels must be 1, 3 or 4, got {}", p.channels);
  }
  ImageView view(p.pixels, p.width, p.height, static_cast<int>(p.channels));
  if (p.row_stride == 0) return view;
  if (p.row_stride < view.pitch) {
    refuse<ShapeError>(i,
                       "row_stride must be at least {} bytes for {} pixels of {} channels, got {}",
                       view.pitch, p.width, p.channels, p.row_stride);
  }
  view.pitch = p.row_stride;
  return view;
}

}  // namespace

Pictures::Pictures(const vitrine_picture* pictures, size_t count)
    : bytes_(reinterpret_cast<const std::byte*>(pictures)), count_(count) {
  if (count == 0) return;
  if (pictures == nullptr) throw UsageError("pictures is a null pointer");
  size_ = pictures->size;
  if (!is_struct_size(size_, kFirstSize)) {
    throw UsageError(
        fmt::format("pictures[0].size is {}; set it to sizeof(vitrine_picture)", size_));
  }
}

vitrine_picture Pictures::at(size_t i) const {
  const std::byte* from = bytes_ + i * size_;
  const auto picture = known_part<vitrine_picture>(from, size_);
  if (picture.size != size_) {
    refuse<UsageError>(i, "size is {}, that of pictures[0] is {}", picture.size, size_);
  }
  if (says_more<vitrine_picture>(from, size_)) {
    refuse<UsageError>(i, "asks for what this version of Vitrine does not have");
  }
  return picture;
}

void Pictures::prepare(size_t i, const Preprocess& rule, std::span<float> to) const {
  const vitrine_picture p = at(i);
  if (int{p.file != nullptr} + int{p.encoded != nullptr} + int{p.pixels != nullptr} != 1) {
    refuse<UsageError>(i, "exactly one of file, encoded and pixels must be set");
  }
  const Exif exif = p.ignore_orientation == 0 ? rule.exif : Exif::kAsStored;
  Image image;
  ImageView view;
  if (p.pixels != nullptr) {
    view = view_of(p, i);
  } else if (p.file != nullptr) {
    image = read_image(p.file, rule.channels, exif);
    view = image;
  } else {
    const std::span bytes(static_cast<const std::byte*>(p.encoded), p.encoded_bytes);
    image = decode_image(bytes, rule.channels, fmt::format("pictures[{}]", i), exif);
    view = image;
  }
  ReusedVector<uint8_t> pixels(static_cast<size_t>(rule.numel()));
  prepare_pixels(view, rule, pixels);
  normalize_u8_into(pixels, rule.mean_floats(), rule.stddev_floats(), to);
}

}  // namespace vitrine
