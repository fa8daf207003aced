#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vitrine {

/// Strides of a dense row-major tensor, in elements: (2, 3, 4) -> (12, 4, 1).
std::vector<int64_t> row_major_strides(std::span<const int64_t> shape);

/// Whether elements that lie `strides` apart are dense and row-major; dimensions of size 1 have no
/// stride to speak of.
bool is_row_major(std::span<const int64_t> shape, std::span<const int64_t> strides);

/// The elements of a strided tensor, dense and row-major. `from` is the first element, `size` the
/// bytes of one (1, 2, 4 or 8). The caller has checked that every element exists and that the
/// result fits in memory.
std::vector<std::byte> strided_copy(const std::byte* from, int64_t size,
                                    std::span<const int64_t> shape,
                                    std::span<const int64_t> strides);

}  // namespace vitrine
