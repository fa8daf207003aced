#include "models/c_api/pictures.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "models/c_api/sized_struct.hpp"

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
  pitch_ = pictures->size;
  if (!is_struct_size(pitch_, kFirstSize)) {
    throw UsageError(
        fmt::format("pictures[0].size is {}; set it to sizeof(vitrine_picture)", pitch_));
  }
}

vitrine_picture Pictures::at(size_t i) const {
  const std::byte* from = bytes_ + i * pitch_;
  const auto picture = known_part<vitrine_picture>(from, pitch_);
  if (picture.size != pitch_) {
    refuse<UsageError>(i, "size is {}, that of pictures[0] is {}", picture.size, pitch_);
  }
  if (says_more<vitrine_picture>(from, pitch_)) {
    refuse<UsageError>(i, "asks for what this version of Vitrine does not have");
  }
  return picture;
}

ImageView Pictures::picture(int64_t number, int channels, Exif exif, Image& storage) const {
  const auto i = static_cast<size_t>(number);
  const vitrine_picture p = at(i);
  if (int{p.file != nullptr} + int{p.encoded != nullptr} + int{p.pixels != nullptr} != 1) {
    refuse<UsageError>(i, "exactly one of file, encoded and pixels must be set");
  }
  if (p.pixels != nullptr) return view_of(p, i);
  if (p.ignore_orientation != 0) exif = Exif::kAsStored;
  if (p.file != nullptr) {
    storage = read_image(p.file, channels, exif);
  } else {
    const std::span bytes(static_cast<const std::byte*>(p.encoded), p.encoded_bytes);
    storage = decode_image(bytes, channels, fmt::format("pictures[{}]", i), exif);
  }
  return storage;
}

}  // namespace vitrine
