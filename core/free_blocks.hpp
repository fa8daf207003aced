#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vitrine {

/// A free block of memory; its first `touched` bytes were in use before, and are resident.
struct FreeBlock {
  std::byte* data;
  int64_t touched;
};

/// Makes room for `count` blocks in all: giving one back then needs no memory, in destructors,
/// which cannot fail.
inline void reserve_places(std::vector<FreeBlock>& free, int64_t count) {
  const auto places = static_cast<size_t>(count);
  if (places > free.capacity()) free.reserve(std::max(places, 2 * free.capacity()));
}

/// Takes a block for `bytes` out of `free`, which is not empty: one that needs no new page, the
/// least touched and of those the latest; or the one that needs the fewest. Blocks of one size
/// class hold tensors of different sizes: if any of them could get any block, all blocks would grow
/// to the largest.
inline FreeBlock take_free_block(std::vector<FreeBlock>& free, int64_t bytes) {
  size_t best = free.size() - 1;
  for (size_t i = best; i-- > 0 && free[best].touched != bytes;) {
    const bool fits = free[i].touched >= bytes;
    const bool smaller = free[i].touched < free[best].touched;
    if (free[best].touched >= bytes ? fits && smaller : free[i].touched > free[best].touched) {
      best = i;
    }
  }
  const FreeBlock block = free[best];
  free.erase(free.begin() + static_cast<std::ptrdiff_t>(best));
  return block;
}

}  // namespace vitrine
