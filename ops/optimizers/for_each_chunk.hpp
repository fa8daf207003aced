#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "core/ceil_div.hpp"
#include "core/parallel.hpp"

namespace vitrine {

/// Calls f(chunk, array, begin, end) for every chunk of arrays of these sizes, in one parallel
/// region: most tensors of a network are a single small chunk. Chunks are numbered over all arrays,
/// in order.
template <class F>
void for_each_chunk(std::span<const int64_t> sizes, int64_t chunk_elements, const F& f) {
  std::vector<int64_t> first{0};  // number of each array's first chunk
  for (const int64_t n : sizes) first.push_back(first.back() + ceil_div(n, chunk_elements));
  parallel_for(first.back(), 1, [&](int64_t from, int64_t to) {
    for (int64_t chunk = from; chunk < to; ++chunk) {
      const auto after = std::ranges::upper_bound(first, chunk);
      const auto array = static_cast<size_t>(after - first.begin()) - 1;
      const int64_t begin = (chunk - first[array]) * chunk_elements;
      f(chunk, array, begin, std::min(begin + chunk_elements, sizes[array]));
    }
  });
}

}  // namespace vitrine
