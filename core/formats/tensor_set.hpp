#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "core/formats/raw_tensor.hpp"

namespace vitrine {

/// Named tensors of a file. Those that lie there dense and little-endian point into the file's
/// bytes; the others were unpacked or rearranged and point into `unpacked`. Move-only, since a copy
/// would point into the original.
struct TensorSet {
  std::vector<NamedTensor> tensors;
  std::vector<std::vector<std::byte>> unpacked;

  TensorSet() = default;
  TensorSet(TensorSet&&) = default;
  TensorSet& operator=(TensorSet&&) = default;

  /// Adds a tensor whose bytes were made for it.
  void add(std::string name, Dtype dtype, std::vector<int64_t> shape,
           std::vector<std::byte> bytes) {
    unpacked.push_back(std::move(bytes));
    tensors.push_back({std::move(name), {dtype, std::move(shape), unpacked.back()}});
  }
};

/// Tensors that are not dense in the file may need this many bytes more than it has, and this many
/// times its size: a file of a few bytes can describe zeros, or one number repeated, without end.
inline constexpr int64_t kMaxUnpackedBytes = int64_t{16} << 20;
inline constexpr int64_t kMaxUnpackedRatio = 64;

/// What unpacking the tensors of a file of `file_size` bytes may take altogether.
inline int64_t unpacking_limit(size_t file_size) {
  return kMaxUnpackedBytes + kMaxUnpackedRatio * static_cast<int64_t>(file_size);
}

}  // namespace vitrine
