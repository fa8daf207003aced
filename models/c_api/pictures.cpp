#include "models/c_api/pictures.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/images/picture_file.hpp"
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
  if (p.height < 1 || p.width < 1 || std::max(p.height, p.width) > kMaxImageSide ||
      p.height * p.width > kMaxImagePixels) {
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

/// RGBA without its alpha; anything else as it is. `storage` keeps the pixels.
ImageView without_alpha(const ImageView& picture, ReusedVector<uint8_t>& storage) {
  if (picture.channels != 4) return picture;
  storage.resize(static_cast<size_t>(picture.height * picture.width * 3));
  uint8_t* to = storage.data();
  for (int64_t row = 0; row < picture.height; ++row) {
    const uint8_t* from = picture.pixels + row * picture.pitch;
    for (int64_t x = 0; x < picture.width; ++x, from += 4, to += 3) std::copy_n(from, 3, to);
  }
  return {storage.data(), picture.width, picture.height, 3};
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
  const bool upright = rule.upright && p.ignore_orientation == 0;
  Image image;
  ImageView view;
  ReusedVector<uint8_t> storage;
  if (p.pixels != nullptr) {
    view = without_alpha(view_of(p, i), storage);
  } else if (p.file != nullptr) {
    image = read_picture(p.file, rule.channels, upright);
    view = image;
  } else {
    const std::span bytes(static_cast<const std::byte*>(p.encoded), p.encoded_bytes);
    image = decode_picture(bytes, rule.channels, fmt::format("pictures[{}]", i), upright);
    view = image;
  }
  ReusedVector<uint8_t> pixels(static_cast<size_t>(rule.numel()));
  prepare_pixels(view, rule, pixels);
  normalize_u8_into(pixels, rule.mean_floats(), rule.stddev_floats(), to);
}

}  // namespace vitrine
