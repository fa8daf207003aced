#include "core/formats/npy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.hpp"
#include "core/formats/zip.hpp"
#include "core/strided_copy.hpp"

namespace vitrine {
namespace {

constexpr std::string_view kSuffix = ".npy";

/// Bytes of the data; the file must hold exactly that many behind the header.
int64_t checked_data_size(const NpyHeader& header, int64_t held, std::string_view path) {
  const int64_t size = *byte_count(header.dtype, header.shape);
  if (size != held) {
    throw FormatError(size > held ? FormatKind::kTruncated : FormatKind::kBadShape, path,
                      header.size,
                      fmt::format("the array's shape needs {} bytes, there are {}", size, held));
  }
  return size;
}

void swap_bytes(std::span<std::byte> bytes, int64_t size) {
  for (size_t i = 0; i < bytes.size(); i += static_cast<size_t>(size)) {
    std::ranges::reverse(bytes.subspan(i, static_cast<size_t>(size)));
  }
}

/// The data row-major and little-endian.
std::vector<std::byte> rearranged(const NpyHeader& header, std::span<const std::byte> data) {
  std::vector<int64_t> strides(header.shape.size(), 1);
  if (header.fortran_order && !data.empty()) {
    for (size_t i = 1; i < strides.size(); ++i) strides[i] = strides[i - 1] * header.shape[i - 1];
  } else {
    strides = row_major_strides(header.shape);
  }
  const int64_t size = dtype_size(header.dtype);
  std::vector<std::byte> result = strided_copy(data.data(), size, header.shape, strides);
  if (header.big_endian) swap_bytes(result, size);
  return result;
}

/// Adds the array whose data lies in the file.
void add_array(TensorSet& set, std::string name, const NpyHeader& header,
               std::span<const std::byte> data) {
  if (header.fortran_order || header.big_endian) {
    set.add(std::move(name), header.dtype, header.shape, rearranged(header, data));
  } else {
    set.tensors.push_back({std::move(name), {header.dtype, header.shape, data}});
  }
}

/// Takes what deflated members need out of what is allowed.
class Budget {
 public:
  Budget(int64_t bytes, std::string_view path) : left_(bytes), path_(path) {}
  void take(std::string_view name, int64_t bytes) {
    if (bytes > left_) {
      throw FormatError(
          FormatKind::kTooLarge, path_, -1,
          fmt::format("'{}' unpacks to {} bytes, far more than the file has", name, bytes));
    }
    left_ -= bytes;
  }

 private:
  int64_t left_;
  std::string path_;
};

void add_member(TensorSet& set, const ZipMember& member, Budget& budget, std::string_view path) {
  const std::string where = fmt::format("{}: {}", path, member.name);
  const std::string name = member.name.substr(0, member.name.size() - kSuffix.size());
  ZipReader reader(member, where);
  if (!member.deflated) {
    const NpyHeader header = parse_npy_header(member.data, where);
    checked_data_size(header, member.size - header.size, where);
    reader.view(member.size);
    reader.finish();
    add_array(set, name, header, member.data.subspan(static_cast<size_t>(header.size)));
    return;
  }
  std::vector<std::byte> text(static_cast<size_t>(std::min(kNpyPreambleSize, member.size)));
  reader.read(text);
  const int64_t size = npy_header_size(text, where);
  const auto begin = text.size();
  text.resize(static_cast<size_t>(std::min(size, member.size)));
  reader.read(std::span(text).subspan(std::min(begin, text.size())));
  const NpyHeader header = parse_npy_header(text, where);
  const int64_t data_size = checked_data_size(header, reader.left(), where);
  budget.take(name, data_size);
  std::vector<std::byte> data(static_cast<size_t>(data_size));
  reader.read(data);
  reader.finish();
  if (header.fortran_order || header.big_endian) data = rearranged(header, data);
  set.add(name, header.dtype, header.shape, std::move(data));
}

}  // namespace

TensorSet parse_npy(std::span<const std::byte> bytes, std::string_view path) {
  const NpyHeader header = parse_npy_header(bytes, path);
  const auto data = bytes.subspan(static_cast<size_t>(header.size));
  checked_data_size(header, static_cast<int64_t>(data.size()), path);
  TensorSet set;
  add_array(set, "", header, data);
  return set;
}

TensorSet parse_npz(std::span<const std::byte> bytes, std::string_view path) {
  TensorSet set;
  Budget budget(unpacking_limit(bytes.size()), path);
  for (const ZipMember& member : parse_zip(bytes, path)) {
    if (member.name.ends_with(kSuffix)) add_member(set, member, budget, path);
  }
  return set;
}

}  // namespace vitrine
