#include <fmt/format.h>

#include <limits>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/npy.hpp"

namespace vitrine {
namespace {

constexpr size_t kDataAlignment = 64;
// Magic, version 1.0, and the length of the dictionary, little-endian.
constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr size_t kBeforeDictionary = 10;

/// NumPy's word for a type.
std::string_view descr_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64:
      return "<f8";
    case Dtype::kF32:
      return "<f4";
    case Dtype::kF16:
      return "<f2";
    case Dtype::kBf16:
      return "|V2";
    case Dtype::kI64:
      return "<i8";
    case Dtype::kI32:
      return "<i4";
    case Dtype::kI16:
      return "<i2";
    case Dtype::kI8:
      return "|i1";
    case Dtype::kU64:
      return "<u8";
    case Dtype::kU32:
      return "<u4";
    case Dtype::kU16:
      return "<u2";
    case Dtype::kU8:
      return "|u1";
    case Dtype::kBool:
      return "|b1";
    default:
      throw UsageError(fmt::format("NumPy has no {}", dtype_name(dtype)));
  }
}

}  // namespace

std::string npy_header(Dtype dtype, std::span<const int64_t> shape) {
  // As Python writes a tuple: one axis is "(3,)".
  std::string axes;
  for (const int64_t size : shape) axes += fmt::format("{}{},", axes.empty() ? "" : " ", size);
  if (shape.size() > 1) axes.pop_back();
  std::string dictionary = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                       descr_of(dtype), axes);
  const size_t used = kBeforeDictionary + dictionary.size() + 1;
  dictionary.append((kDataAlignment - used % kDataAlignment) % kDataAlignment, ' ');
  dictionary += '\n';
  if (dictionary.size() > std::numeric_limits<uint16_t>::max()) {
    throw ShapeError(fmt::format("[write_npy] {} axes are too many", shape.size()));
  }
  std::string header(kMagic);
  header += static_cast<char>(dictionary.size() & 0xFF);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

void write_npy(const std::string& path, const RawTensor& tensor) {
  const auto wanted = byte_count(tensor.dtype, tensor.shape);
  if (!wanted || *wanted != static_cast<int64_t>(tensor.bytes.size())) {
    throw ShapeError(fmt::format("[write_npy] the shape needs {} bytes, there are {}",
                                 wanted.value_or(-1), tensor.bytes.size()));
  }
  const std::string header = npy_header(tensor.dtype, tensor.shape);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(header)));
  file.write(tensor.bytes);
  file.commit();
}

}  // namespace vitrine
