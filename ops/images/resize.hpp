#pragma once

#include <cstdint>
#include <string_view>

#include "ops/images/image_view.hpp"

namespace vitrine {

/// How a pixel of a resized image is made of the pixels around it. All but kNearest are widened by
/// the scale when the image shrinks (antialiasing).
enum class ResizeFilter {
  kNearest,   ///< the pixel under the centre
  kBox,       ///< mean; support 0.5
  kBilinear,  ///< triangle; support 1
  kHamming,   ///< Hamming-windowed sinc; support 1
  kBicubic,   ///< Keys' cubic with a = -0.5; support 2
  kLanczos,   ///< sinc windowed by a sinc; support 3
};

/// "nearest", "box", "bilinear", "hamming", "bicubic", "lanczos".
std::string_view resize_filter_name(ResizeFilter filter);
/// The inverse; throws UsageError that lists the names.
ResizeFilter resize_filter(std::string_view name);

/// The whole of `image` resized to width x height pixels.
/// Bit-equal to Pillow 13's Image.resize for 8-bit images: two passes with coefficients of 22
/// fraction bits, each rounded to 8 bits; the vertical pass is first if new_h < h and
/// h - new_h > 2 (w - new_w), else the horizontal one; a pass that changes nothing is left out.
/// Throws ShapeError if there are no pixels or either size is not in 1 .. kMaxImageSide.
Image resize(const ImageView& image, int64_t width, int64_t height, ResizeFilter filter);

/// Only the rectangle of `window_width` x `window_height` pixels at (left, top) of that result,
/// which must lie inside; no other pixel is computed.
///   to   (window_height, window_width, channels), rows `to_pitch` bytes apart
void resize_window(const ImageView& image, int64_t width, int64_t height, ResizeFilter filter,
                   int64_t left, int64_t top, int64_t window_width, int64_t window_height,
                   uint8_t* to, int64_t to_pitch);

}  // namespace vitrine
