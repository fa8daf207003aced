#include "models/weights/tensor_layout.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace vitrine {
namespace {

int64_t product(std::span<const int64_t> dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
}

/// to (columns, rows) from (rows, columns)
void transpose(std::span<const float> from, int64_t rows, int64_t columns, float* to) {
  constexpr int64_t kTile = 32;  // both sides stay in the nearest cache
  for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
    for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
      for (int64_t c = c0; c < std::min(c0 + kTile, columns); ++c) {
        for (int64_t r = r0; r < std::min(r0 + kTile, rows); ++r) {
          to[c * rows + r] = from[static_cast<size_t>(r * columns + c)];
        }
      }
    }
  }
}

}  // namespace

std::vector<int64_t> timm_shape(const RawTensor& tensor, Layout layout) {
  const std::vector<int64_t>& shape = tensor.shape;
  const bool matrix = shape.size() >= 2;
  switch (layout) {
    case Layout::kSame:
      break;
    case Layout::kFlat:
      return {tensor.size()};
    case Layout::kInOut:
      if (matrix) return {product(std::span(shape).subspan(1)), shape.front()};
      break;
    case Layout::kInOutHeads:
      if (matrix) return {shape.back(), product(std::span(shape).first(shape.size() - 1))};
      break;
    case Layout::kHwio:
      if (shape.size() == 4) return {shape[3], shape[2], shape[0], shape[1]};
      break;
  }
  return shape;
}

void write_as_timm(const RawTensor& tensor, Layout layout, std::string_view name,
                   std::span<float> out) {
  const std::vector<int64_t>& shape = tensor.shape;
  if (layout == Layout::kSame || layout == Layout::kFlat) {
    to_float32(tensor, name, out);
    return;
  }
  const std::vector<float> values = to_float32(tensor, name);
  if (layout == Layout::kHwio) {
    // (h, w, in, out) -> (out, in, h, w), as (h w, in out) -> (in out, h w) -> (out, in, h w)
    const int64_t area = shape[0] * shape[1];
    const int64_t in = shape[2];
    const int64_t width = shape[3];
    for (int64_t a = 0; a < area; ++a) {
      for (int64_t i = 0; i < in; ++i) {
        const float* from = values.data() + (a * in + i) * width;
        for (int64_t o = 0; o < width; ++o)
          out[static_cast<size_t>((o * in + i) * area + a)] = from[o];
      }
    }
    return;
  }
  const int64_t rows =
      layout == Layout::kInOut ? shape.front() : product(std::span(shape).first(shape.size() - 1));
  transpose(values, rows, rows == 0 ? 0 : tensor.size() / rows, out.data());
}

}  // namespace vitrine
