#include "core/formats/name_index.hpp"

#include <algorithm>
#include <numeric>

#include "core/error.hpp"

namespace vitrine {

NameIndex::NameIndex(std::span<const NamedTensor> tensors) : order_(tensors.size()) {
  VT_CHECK(tensors.size() <= UINT32_MAX);
  std::iota(order_.begin(), order_.end(), 0U);
  std::ranges::stable_sort(order_, {},
                           [&](uint32_t i) -> const std::string& { return tensors[i].name; });
}

const RawTensor* NameIndex::find(std::span<const NamedTensor> tensors,
                                 std::string_view name) const {
  const auto name_of = [&](uint32_t i) -> std::string_view { return tensors[i].name; };
  const auto found = std::ranges::lower_bound(order_, name, {}, name_of);
  return found != order_.end() && name_of(*found) == name ? &tensors[*found].tensor : nullptr;
}

}  // namespace vitrine
