#include "core/strided_copy.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"

namespace vitrine {
namespace {

/// `count` elements that lie `stride` apart.
template <size_t Size>
void copy_row(const std::byte* from, int64_t stride, int64_t count, std::byte* to) {
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * int64_t{Size}, from + i * stride * int64_t{Size}, Size);
  }
}

}  // namespace

std::vector<int64_t> row_major_strides(std::span<const int64_t> shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

bool is_row_major(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  int64_t dense = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] > 1 && strides[i] != dense) return false;
    dense *= shape[i];
  }
  return true;
}

std::vector<std::byte> strided_copy(const std::byte* from, int64_t size,
                                    std::span<const int64_t> shape,
                                    std::span<const int64_t> strides) {
  int64_t count = 1;
  for (const int64_t dim : shape) count *= dim;
  std::vector<std::byte> result(static_cast<size_t>(count * size));
  if (count == 0) return result;
  auto* copy = size == 1   ? copy_row<1>
               : size == 2 ? copy_row<2>
               : size == 4 ? copy_row<4>
                           : copy_row<8>;
  VT_CHECK(size == 1 || size == 2 || size == 4 || size == 8);

  // The last axis is one row; the others count like the digits of a clock.
  const size_t outer = shape.empty() ? 0 : shape.size() - 1;
  const int64_t row = shape.empty() ? 1 : shape.back();
  const int64_t step = shape.empty() ? 1 : strides.back();
  std::vector<int64_t> index(outer, 0);
  const std::byte* at = from;
  for (std::byte* to = result.data();; to += row * size) {
    copy(at, step, row, to);
    size_t axis = outer;
    while (axis-- > 0) {
      at += strides[axis] * size;
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis] * size;
      index[axis] = 0;
    }
    if (axis == static_cast<size_t>(-1)) return result;
  }
}

}  // namespace vitrine
