#include "ops/gemm/image_rows.hpp"

#include <algorithm>
#include <cstring>

namespace vitrine {
namespace {

void copy(const float* from, int64_t floats, float* to) {
  std::memcpy(to, from, static_cast<size_t>(floats) * sizeof(float));
}

/// One line of taps of one row: the pixels at x + taps_w of a line of the image.
class Line {
 public:
  explicit Line(const ImageRows& rows) : rows_(rows), taps_(rows.taps_w) {
    for (size_t v = 1; v < taps_.size(); ++v) joined_ &= taps_[v] == taps_[v - 1] + 1;
    joined_ &= rows.channels == rows.pitch;
  }

  int64_t floats() const { return floats_; }

  /// Floats [begin, end) of the line whose first tap is at pixel `x` of `image_line` (null if the
  /// line is outside).
  void gather(const float* image_line, int64_t x, int64_t begin, int64_t end, float* to) const {
    if (image_line == nullptr) {
      std::fill_n(to, end - begin, 0.0F);
    } else if (joined_) {
      gather_joined(image_line, x, begin, end, to);
    } else {
      gather_pixels(image_line, x, begin, end, to);
    }
  }

 private:
  /// Taps side by side are one run of memory, cut at the borders of the image.
  void gather_joined(const float* image_line, int64_t x, int64_t begin, int64_t end,
                     float* to) const {
    const int64_t start = (x + taps_[0]) * rows_.channels;
    if (start + begin >= 0 && start + end <= line_floats_) {
      copy(image_line + start + begin, end - begin, to);
      return;
    }
    const int64_t first = std::clamp<int64_t>(-start, begin, end);
    const int64_t last = std::clamp(line_floats_ - start, first, end);
    std::fill_n(to, first - begin, 0.0F);
    if (last > first) copy(image_line + start + first, last - first, to + first - begin);
    std::fill_n(to + last - begin, end - last, 0.0F);
  }

  void gather_pixels(const float* image_line, int64_t x, int64_t begin, int64_t end,
                     float* to) const {
    const int64_t channels = rows_.channels;
    for (int64_t at = begin; at < end;) {
      const int64_t v = at / channels;
      const int64_t stop = std::min((v + 1) * channels, end);
      const int64_t pixel = x + taps_[static_cast<size_t>(v)];
      if (pixel < 0 || pixel >= rows_.width) {
        std::fill_n(to + at - begin, stop - at, 0.0F);
      } else {
        copy(image_line + pixel * rows_.pitch + at - v * channels, stop - at, to + at - begin);
      }
      at = stop;
    }
  }

  const ImageRows& rows_;
  const ReusedVector<int64_t>& taps_;
  const int64_t floats_ = static_cast<int64_t>(taps_.size()) * rows_.channels;
  const int64_t line_floats_ = rows_.width * rows_.pitch;  // of the image
  bool joined_ = true;
};

}  // namespace

void ImageRows::gather(int64_t row, int64_t count, int64_t k_begin, int64_t k, float* to,
                       int64_t to_pitch) const {
  if (k == 0) return;
  const Line line(*this);
  const int64_t floats = line.floats();
  const int64_t first_tap = k_begin / floats;
  int64_t j = row % columns;
  int64_t i = row / columns % rows;
  int64_t image = row / columns / rows;
  for (int64_t r = 0; r < count; ++r, to += to_pitch) {
    // What is left of the line of taps u begins at k_begin + at.
    int64_t at = 0;
    for (int64_t u = first_tap; at < k; ++u) {
      const int64_t begin = u == first_tap ? k_begin - u * floats : 0;
      const int64_t end = std::min(floats, begin + k - at);
      const int64_t y = i * stride_h + taps_h[static_cast<size_t>(u)];
      const bool inside = y >= 0 && y < height;
      const float* from = inside ? data + (image * height + y) * width * pitch : nullptr;
      line.gather(from, j * stride_w, begin, end, to + at);
      at += end - begin;
    }
    if (++j < columns) continue;
    j = 0;
    if (++i < rows) continue;
    i = 0;
    ++image;
  }
}

}  // namespace vitrine
