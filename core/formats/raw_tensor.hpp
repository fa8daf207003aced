#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine {

/// Element types that files hold. All are little-endian; F8 types are recognised, never converted.
enum class Dtype : uint8_t {
  kF64,
  kF32,
  kF16,
  kBf16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,  ///< one byte, 0 is false
  kF8E4m3,
  kF8E5m2,
};

/// Bytes per element.
int64_t dtype_size(Dtype dtype);

/// The name that safetensors uses: "F32", "BF16", "I64", "BOOL", ...
std::string_view dtype_name(Dtype dtype);

/// The inverse of dtype_name; nothing for an unknown name.
std::optional<Dtype> find_dtype(std::string_view name);

/// Bytes of a dense tensor of this type and shape; 1 element for the empty shape.
/// Nothing if a dimension is negative or a product of dimensions does not fit in 63 bits.
std::optional<int64_t> byte_count(Dtype dtype, std::span<const int64_t> shape);

/// A tensor as it lies in a file: dense, row-major, at any alignment. Does not own its bytes.
/// Invariant kept by the readers: bytes.size() == byte_count(dtype, shape).
struct RawTensor {
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;

  /// Number of elements.
  int64_t size() const;
};

struct NamedTensor {
  std::string name;
  RawTensor tensor;
};

/// Converts to float32: integers and F64 are rounded to nearest, BOOL becomes 0 or 1, the others
/// are exact (NaN stays NaN, infinities stay).
///   out    tensor.size() elements, any alignment of float; ShapeError otherwise
///   name   the tensor's name, for messages
/// Throws FormatError(kUnsupported) for F8 types.
void to_float32(const RawTensor& tensor, std::string_view name, std::span<float> out);
std::vector<float> to_float32(const RawTensor& tensor, std::string_view name);

}  // namespace vitrine
