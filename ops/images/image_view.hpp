#pragma once

#include <cstdint>

#include "core/images/image.hpp"

namespace vitrine {

/// 8-bit pixels that belong to somebody else: a whole image, or a rectangle of one.
struct ImageView {
  const uint8_t* pixels = nullptr;  ///< (height, width, channels), rows `pitch` bytes apart
  int64_t width = 0;
  int64_t height = 0;
  int channels = 0;
  int64_t pitch = 0;  ///< bytes from one row to the next

  ImageView() = default;
  ImageView(const uint8_t* pixels_, int64_t width_, int64_t height_, int channels_)
      : pixels(pixels_),
        width(width_),
        height(height_),
        channels(channels_),
        pitch(width_ * channels_) {}
  ImageView(const Image& image)  // NOLINT: an image is a view of itself
      : ImageView(image.pixels.data(), image.width, image.height, image.channels) {}

  /// The rectangle whose upper left pixel is (left, top); it must lie inside.
  ImageView part(int64_t left, int64_t top, int64_t width_, int64_t height_) const {
    ImageView view = *this;
    view.pixels += top * pitch + left * channels;
    view.width = width_;
    view.height = height_;
    return view;
  }
};

}  // namespace vitrine
