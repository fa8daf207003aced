#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/formats/tensor_set.hpp"

namespace vitrine {

/// What the header of a .npy file says.
struct NpyHeader {
  Dtype dtype = Dtype::kF32;
  bool big_endian = false;
  bool fortran_order = false;  ///< column-major: the first axis runs fastest
  std::vector<int64_t> shape;
  int64_t size = 0;  ///< bytes of the header; the data begins there
};

/// Bytes that npy_header_size looks at.
inline constexpr int64_t kNpyPreambleSize = 12;

/// Whether the bytes start like a .npy file.
bool is_npy(std::span<const std::byte> bytes);

/// The size of the header, from the first bytes of the file (fewer than kNpyPreambleSize if it is
/// shorter). Throws FormatError: kBadMagic, kTruncated, kUnsupported (a version above 3).
int64_t npy_header_size(std::span<const std::byte> preamble, std::string_view path);

/// Parses the whole header of versions 1 to 3: a Python dictionary of literals, never evaluated.
/// 2-byte voids ("|V2") are what NumPy makes of bfloat16, and are read as it.
/// Throws FormatError: kBadHeader, kDuplicate, kBadShape, kBadDtype, kUnsupported (objects, text,
/// records, dates, complex numbers).
/// Source: numpy.lib.format.
NpyHeader parse_npy_header(std::span<const std::byte> header, std::string_view path);

/// Reads a .npy file: one tensor, called "". Throws FormatError, as above, and kTruncated or
/// kBadShape if the data is shorter or longer than the shape says.
TensorSet parse_npy(std::span<const std::byte> bytes, std::string_view path);

/// The whole of a .npy file in front of the tensor's bytes: version 1.0, row-major, padded so that
/// the data starts at a multiple of 64. BF16 becomes a 2-byte void, as NumPy has it. Throws
/// UsageError for F8 types and ShapeError for shapes with thousands of axes.
std::string npy_header(Dtype dtype, std::span<const int64_t> shape);

/// Writes a .npy file atomically (core/formats/file.hpp); numpy.load reads it. Throws as
/// npy_header, and ShapeError if the tensor's bytes do not match its shape, and IoError.
void write_npy(const std::string& path, const RawTensor& tensor);

/// Reads a .npz archive: one tensor per member "<name>.npy", whatever characters its name has;
/// other members are ignored. Checksums are compared. Deflated members need memory for what their
/// header declares, altogether at most unpacking_limit(). Throws FormatError, as above and as
/// parse_zip (core/formats/zip.hpp).
TensorSet parse_npz(std::span<const std::byte> bytes, std::string_view path);

}  // namespace vitrine
