#include "core/formats/raw_tensor.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

#include "core/error.hpp"
#include "core/formats/bytes.hpp"

namespace vitrine {
namespace {

struct DtypeFact {
  std::string_view name;
  int64_t size;
};

// In the order of Dtype.
constexpr std::array<DtypeFact, 15> kFacts = {{{"F64", 8},
                                               {"F32", 4},
                                               {"F16", 2},
                                               {"BF16", 2},
                                               {"I64", 8},
                                               {"I32", 4},
                                               {"I16", 2},
                                               {"I8", 1},
                                               {"U64", 8},
                                               {"U32", 4},
                                               {"U16", 2},
                                               {"U8", 1},
                                               {"BOOL", 1},
                                               {"F8_E4M3", 1},
                                               {"F8_E5M2", 1}}};

float half_to_float(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 31u;
  const uint32_t mantissa = half & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {  // subnormal: mantissa * 2^-24 is exact in float32
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

// memcpy per element because file data has no alignment.
template <typename Stored, typename Convert>
void convert(const std::byte* from, std::span<float> out, Convert to_float) {
  for (size_t i = 0; i < out.size(); ++i) {
    Stored value;
    std::memcpy(&value, from + i * sizeof(Stored), sizeof(Stored));
    out[i] = to_float(value);
  }
}

template <typename Stored>
void convert_number(const std::byte* from, std::span<float> out) {
  convert<Stored>(from, out, [](Stored value) { return static_cast<float>(value); });
}

}  // namespace

int64_t dtype_size(Dtype dtype) { return kFacts[static_cast<size_t>(dtype)].size; }

std::string_view dtype_name(Dtype dtype) { return kFacts[static_cast<size_t>(dtype)].name; }

std::optional<Dtype> find_dtype(std::string_view name) {
  for (size_t i = 0; i < kFacts.size(); ++i) {
    if (kFacts[i].name == name) return static_cast<Dtype>(i);
  }
  return std::nullopt;
}

std::optional<int64_t> byte_count(Dtype dtype, std::span<const int64_t> shape) {
  int64_t bytes = dtype_size(dtype);
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) return std::nullopt;
    // A zero must not hide dimensions whose product overflows.
    if (size == 0) empty = true;
    if (size > 0 && __builtin_mul_overflow(bytes, size, &bytes)) return std::nullopt;
  }
  return empty ? 0 : bytes;
}

int64_t RawTensor::size() const { return static_cast<int64_t>(bytes.size()) / dtype_size(dtype); }

void to_float32(const RawTensor& tensor, std::string_view name, std::span<float> out) {
  if (static_cast<int64_t>(out.size()) != tensor.size()) {
    throw ShapeError(fmt::format("[to_float32] out must have {} elements to hold '{}', got {}",
                                 tensor.size(), name, out.size()));
  }
  const std::byte* from = tensor.bytes.data();
  switch (tensor.dtype) {
    case Dtype::kF64:
      return convert_number<double>(from, out);
    case Dtype::kF32:
      if (!out.empty()) std::memcpy(out.data(), from, out.size_bytes());
      return;
    case Dtype::kF16:
      return convert<uint16_t>(from, out, half_to_float);
    case Dtype::kBf16:
      return convert<uint16_t>(from, out, [](uint16_t v) {
        return std::bit_cast<float>(static_cast<uint32_t>(v) << 16);
      });
    case Dtype::kI64:
      return convert_number<int64_t>(from, out);
    case Dtype::kI32:
      return convert_number<int32_t>(from, out);
    case Dtype::kI16:
      return convert_number<int16_t>(from, out);
    case Dtype::kI8:
      return convert_number<int8_t>(from, out);
    case Dtype::kU64:
      return convert_number<uint64_t>(from, out);
    case Dtype::kU32:
      return convert_number<uint32_t>(from, out);
    case Dtype::kU16:
      return convert_number<uint16_t>(from, out);
    case Dtype::kU8:
      return convert_number<uint8_t>(from, out);
    case Dtype::kBool:
      return convert<uint8_t>(from, out, [](uint8_t v) { return v != 0 ? 1.0f : 0.0f; });
    case Dtype::kF8E4m3:
    case Dtype::kF8E5m2:
      break;
  }
  throw FormatError(FormatKind::kUnsupported, name, -1,
                    fmt::format("{} elements cannot be converted to float32; save the tensor as "
                                "F32, F16 or BF16",
                                dtype_name(tensor.dtype)));
}

std::vector<float> to_float32(const RawTensor& tensor, std::string_view name) {
  std::vector<float> out(static_cast<size_t>(tensor.size()));
  to_float32(tensor, name, out);
  return out;
}

}  // namespace vitrine
