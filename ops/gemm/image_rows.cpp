#include "ops/gemm/image_rows.hpp"

#include <algorithm>
#include <cstring>

namespace vitrine {
namespace {

template <class T>
void copy(const T* from, int64_t count, T* to) {
  std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
}

/// One line of taps of one row: the pixels at x + taps_w of a line of an image, whose pixels are
/// `pitch` values apart.
template <class T>
class Line {
 public:
  Line(const ImageRows& rows, int64_t pitch)
      : rows_(rows), taps_(rows.taps_w), pitch_(pitch), line_values_(rows.width * pitch) {
    for (size_t v = 1; v < taps_.size(); ++v) joined_ &= taps_[v] == taps_[v - 1] + 1;
    joined_ &= rows.channels == pitch;
  }

  int64_t values() const { return values_; }

  /// Values [begin, end) of the line whose first tap is at pixel `x` of `image_line` (null if the
  /// line is outside).
  void gather(const T* image_line, T outside, int64_t x, int64_t begin, int64_t end, T* to) const {
    if (image_line == nullptr) {
      std::fill_n(to, end - begin, outside);
    } else if (joined_) {
      gather_joined(image_line, outside, x, begin, end, to);
    } else {
      gather_pixels(image_line, outside, x, begin, end, to);
    }
  }

 private:
  /// Taps side by side are one run of memory, cut at the borders of the image.
  void gather_joined(const T* image_line, T outside, int64_t x, int64_t begin, int64_t end,
                     T* to) const {
    const int64_t start = (x + taps_[0]) * rows_.channels;
    if (start + begin >= 0 && start + end <= line_values_) {
      copy(image_line + start + begin, end - begin, to);
      return;
    }
    const int64_t first = std::clamp<int64_t>(-start, begin, end);
    const int64_t last = std::clamp(line_values_ - start, first, end);
    std::fill_n(to, first - begin, outside);
    if (last > first) copy(image_line + start + first, last - first, to + first - begin);
    std::fill_n(to + last - begin, end - last, outside);
  }

  void gather_pixels(const T* image_line, T outside, int64_t x, int64_t begin, int64_t end,
                     T* to) const {
    const int64_t channels = rows_.channels;
    for (int64_t at = begin; at < end;) {
      const int64_t v = at / channels;
      const int64_t stop = std::min((v + 1) * channels, end);
      const int64_t pixel = x + taps_[static_cast<size_t>(v)];
      if (pixel < 0 || pixel >= rows_.width) {
        std::fill_n(to + at - begin, stop - at, outside);
      } else {
        copy(image_line + pixel * pitch_ + at - v * channels, stop - at, to + at - begin);
      }
      at = stop;
    }
  }

  const ImageRows& rows_;
  const ReusedVector<int64_t>& taps_;
  const int64_t pitch_;
  const int64_t line_values_;
  const int64_t values_ = static_cast<int64_t>(taps_.size()) * rows_.channels;
  bool joined_ = true;
};

/// ImageRows::gather of images of T; outside(image) is what lies outside.
template <class T, class Outside>
void gather_rows(const ImageRows& rows, const T* data, int64_t pitch, const Outside& outside,
                 int64_t row, int64_t count, int64_t k_begin, int64_t k, T* to, int64_t to_pitch) {
  if (k == 0) return;
  const Line<T> line(rows, pitch);
  const int64_t values = line.values();
  const int64_t first_tap = k_begin / values;
  int64_t j = row % rows.columns;
  int64_t i = row / rows.columns % rows.rows;
  int64_t image = row / rows.columns / rows.rows;
  for (int64_t r = 0; r < count; ++r, to += to_pitch) {
    // What is left of the line of taps u begins at k_begin + at.
    int64_t at = 0;
    for (int64_t u = first_tap; at < k; ++u) {
      const int64_t begin = u == first_tap ? k_begin - u * values : 0;
      const int64_t end = std::min(values, begin + k - at);
      const int64_t y = i * rows.stride_h + rows.taps_h[static_cast<size_t>(u)];
      const bool inside = y >= 0 && y < rows.height;
      const T* from = inside ? data + (image * rows.height + y) * rows.width * pitch : nullptr;
      line.gather(from, outside(image), j * rows.stride_w, begin, end, to + at);
      at += end - begin;
    }
    if (++j < rows.columns) continue;
    j = 0;
    if (++i < rows.rows) continue;
    i = 0;
    ++image;
  }
}

}  // namespace

void ImageRows::gather(int64_t row, int64_t count, int64_t k_begin, int64_t k, float* to,
                       int64_t to_pitch) const {
  const auto nothing = [](int64_t) { return 0.0F; };
  gather_rows(*this, data, pitch, nothing, row, count, k_begin, k, to, to_pitch);
}

void ImageRows::gather(const uint8_t* images, const std::function<uint8_t(int64_t)>& outside,
                       int64_t row, int64_t count, uint8_t* to, int64_t to_pitch) const {
  gather_rows(*this, images, channels, outside, row, count, 0, k(), to, to_pitch);
}

void ImageRows::gather(const uint16_t* images, int64_t row, int64_t count, uint16_t* to,
                       int64_t to_pitch) const {
  const auto nothing = [](int64_t) { return uint16_t{0}; };
  gather_rows(*this, images, channels, nothing, row, count, 0, k(), to, to_pitch);
}

}  // namespace vitrine
