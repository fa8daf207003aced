#include "core/formats/idx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

#include "core/error.hpp"
#include "core/formats/bytes.hpp"
#include "core/formats/file.hpp"
#include "core/formats/gzip.hpp"
#include "core/formats/tensor_set.hpp"

namespace vitrine {
namespace {

constexpr uint8_t kUnsignedBytes = 0x08;  // the IDX code of the element type
constexpr size_t kFirstPiece = size_t{1} << 20;
constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();

// The content of a plain or a compressed file, from its start.
class Source {
 public:
  Source(std::span<const std::byte> bytes, std::string_view path) : rest_(bytes), path_(path) {
    if (is_gzip(bytes)) gzip_.emplace(bytes, path_);
  }

  const std::string& path() const { return path_; }

  size_t read(std::span<std::byte> out) {
    if (gzip_) return gzip_->read(out);
    const size_t size = std::min(out.size(), rest_.size());
    if (size > 0) std::memcpy(out.data(), rest_.data(), size);
    rest_ = rest_.subspan(size);
    return size;
  }

  // No more than this is taken.
  int64_t most() const { return gzip_ ? unpacking_limit(rest_.size()) : kMaxInt64; }

  // No more than this can still come.
  int64_t bound() const {
    const auto size = static_cast<int64_t>(rest_.size());
    if (!gzip_) return size;
    return size > kMaxInt64 / kMaxDeflateRatio ? kMaxInt64 : size * kMaxDeflateRatio;
  }

 private:
  std::span<const std::byte> rest_;  // all of it while compressed
  std::string path_;
  std::optional<GzipReader> gzip_;
};

void read_header_bytes(Source& source, std::span<std::byte> out) {
  if (source.read(out) == out.size()) return;
  throw FormatError(FormatKind::kTruncated, source.path(), -1,
                    "the file ends inside its IDX header; download it again");
}

// Reads the header and returns the sizes of the `rank` dimensions.
std::vector<int64_t> read_shape(Source& source, int rank) {
  std::array<std::byte, 4> magic = {};
  read_header_bytes(source, magic);
  const auto code = static_cast<uint8_t>(magic[2]);
  const auto found = static_cast<int>(magic[3]);
  const bool known_code = code == 0x08 || code == 0x09 || (code >= 0x0b && code <= 0x0e);
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0} || !known_code) {
    throw FormatError(FormatKind::kBadMagic, source.path(), 0, "not an IDX file");
  }
  if (code != kUnsignedBytes) {
    throw FormatError(FormatKind::kBadDtype, source.path(), 2,
                      fmt::format("elements must be unsigned bytes (code 8), got code {}", code));
  }
  if (found != rank) {
    const std::string_view hint = found == 1 && rank == 3   ? "; are these the labels?"
                                  : found == 3 && rank == 1 ? "; are these the images?"
                                                            : "";
    throw FormatError(FormatKind::kBadHeader, source.path(), 3,
                      fmt::format("must have {} dimensions for {}, got {}{}", rank,
                                  rank == 3 ? "images" : "labels", found, hint));
  }
  std::vector<int64_t> shape;
  for (int i = 0; i < rank; ++i) {
    std::array<std::byte, 4> size = {};
    read_header_bytes(source, size);
    shape.push_back(int64_t{load_be32(size.data())});
  }
  return shape;
}

// Reads `size` elements, which must be the rest of the file.
std::vector<uint8_t> read_elements(Source& source, std::optional<int64_t> size) {
  const auto truncated = [&] {
    throw FormatError(FormatKind::kTruncated, source.path(), -1,
                      size ? fmt::format("the header declares {} elements, the file has fewer; "
                                         "download it again",
                                         *size)
                           : "the header declares more elements than any file has");
  };
  if (!size || *size > source.bound()) truncated();
  if (*size > source.most()) {
    throw FormatError(FormatKind::kTooLarge, source.path(), -1,
                      fmt::format("unpacks to {} bytes, far more than the file has", *size));
  }
  // Memory grows with what the file really yields: a compressed header may lie.
  std::vector<uint8_t> elements;
  while (static_cast<int64_t>(elements.size()) < *size) {
    const size_t done = elements.size();
    elements.resize(std::min(static_cast<size_t>(*size), done + std::max(done, kFirstPiece)));
    const auto piece = std::as_writable_bytes(std::span(elements)).subspan(done);
    if (source.read(piece) < piece.size()) truncated();
  }
  std::byte more = {};
  if (source.read({&more, 1}) > 0) {
    throw FormatError(FormatKind::kMismatch, source.path(), -1,
                      fmt::format("the header declares {} elements, the file has more", *size));
  }
  return elements;
}

std::optional<int64_t> product(std::span<const int64_t> sizes) {
  int64_t result = 1;
  for (const int64_t size : sizes) {
    if (__builtin_mul_overflow(result, size, &result)) return std::nullopt;
  }
  return result;
}

}  // namespace

IdxImages parse_idx_images(std::span<const std::byte> bytes, std::string_view path) {
  Source source(bytes, path);
  const std::vector<int64_t> shape = read_shape(source, 3);
  if (shape[1] == 0 || shape[2] == 0) {
    throw FormatError(
        FormatKind::kBadShape, path, 8,
        fmt::format("images must have pixels, got {} of {} x {}", shape[0], shape[1], shape[2]));
  }
  return {shape[0], shape[1], shape[2], read_elements(source, product(shape))};
}

std::vector<uint8_t> parse_idx_labels(std::span<const std::byte> bytes, std::string_view path) {
  Source source(bytes, path);
  const std::vector<int64_t> shape = read_shape(source, 1);
  return read_elements(source, shape[0]);
}

IdxPair read_idx_pair(const std::string& images_path, const std::string& labels_path,
                      int64_t classes) {
  IdxPair pair;
  pair.images = parse_idx_images(MappedFile(images_path).bytes(), images_path);
  pair.labels = parse_idx_labels(MappedFile(labels_path).bytes(), labels_path);
  if (static_cast<int64_t>(pair.labels.size()) != pair.images.count) {
    throw FormatError(FormatKind::kMismatch, labels_path, 4,
                      fmt::format("{} labels for the {} images of {}", pair.labels.size(),
                                  pair.images.count, images_path));
  }
  if (classes <= 0) return pair;
  for (size_t i = 0; i < pair.labels.size(); ++i) {
    if (pair.labels[i] >= classes) {
      throw FormatError(FormatKind::kMismatch, labels_path, -1,
                        fmt::format("label {} of image {} must be below {}, the number of classes",
                                    pair.labels[i], i, classes));
    }
  }
  return pair;
}

}  // namespace vitrine
