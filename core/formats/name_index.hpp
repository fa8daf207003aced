#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/formats/raw_tensor.hpp"

namespace vitrine {

/// Finds tensors by name in time that grows with the logarithm of their number: a file decides how
/// many there are, and a network asks for thousands. Four bytes for a tensor; no hashes, whose
/// collisions a file could choose.
class NameIndex {
 public:
  NameIndex() = default;
  explicit NameIndex(std::span<const NamedTensor> tensors);

  /// The first of that name, or nullptr; `tensors` as they were when the index was made.
  const RawTensor* find(std::span<const NamedTensor> tensors, std::string_view name) const;

 private:
  std::vector<uint32_t> order_;  // places of the tensors, sorted by name
};

}  // namespace vitrine
