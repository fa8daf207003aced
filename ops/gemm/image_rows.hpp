#pragma once

#include <cstdint>
#include <functional>

#include "core/reused.hpp"

namespace vitrine {

/// Pixels of NHWC images as the rows of a matrix that is never stored whole, the left operand of a
/// convolution as a product: row (b, i, j) holds, for every tap (u, v) of the kernel, the channels
/// of pixel (i stride_h + taps_h[u], j stride_w + taps_w[v]) of image b; 0 outside of the image.
struct ImageRows {
  const float* data = nullptr;           ///< the first channel that is used of the first pixel
  int64_t batch = 0;                     ///< images
  int64_t height = 0, width = 0;         ///< of an image
  int64_t pitch = 0;                     ///< floats from one pixel to the next
  int64_t channels = 0;                  ///< that are used of each pixel
  int64_t rows = 0, columns = 0;         ///< rows of the matrix per image: a grid
  int64_t stride_h = 1, stride_w = 1;    ///< in pixels, from one place of the grid to the next
  ReusedVector<int64_t> taps_h, taps_w;  ///< any order, any sign

  int64_t m() const { return batch * rows * columns; }
  int64_t k() const { return static_cast<int64_t>(taps_h.size() * taps_w.size()) * channels; }
  /// Whether the matrix lies in memory as it is: each pixel is a row.
  bool in_place() const {
    const bool one = taps_h.size() == 1 && taps_h[0] == 0 && taps_w == taps_h;
    return one && stride_h == 1 && stride_w == 1 && rows == height && columns == width;
  }

  /// Copies columns [k_begin, k_begin + k) of rows [row, row + count).
  void gather(int64_t row, int64_t count, int64_t k_begin, int64_t k, float* to,
              int64_t to_pitch) const;
  /// The same of images in bytes, whole rows: pixels of `channels` bytes, one behind the other, and
  /// outside(image) outside of an image.
  void gather(const uint8_t* images, const std::function<uint8_t(int64_t)>& outside, int64_t row,
              int64_t count, uint8_t* to, int64_t to_pitch) const;
  /// The same of images in bf16; 0 outside.
  void gather(const uint16_t* images, int64_t row, int64_t count, uint16_t* to,
              int64_t to_pitch) const;
};

}  // namespace vitrine
