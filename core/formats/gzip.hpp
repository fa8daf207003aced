#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct z_stream_s;

namespace vitrine {

/// Whether the bytes start like a gzip file.
bool is_gzip(std::span<const std::byte> bytes);

/// Deflate turns at most 1032 bytes into one (a run of 258 bytes costs two bits), so that a header
/// that promises more than this from its compressed bytes lies.
inline constexpr int64_t kMaxDeflateRatio = 1032;

/// Unpacks a gzip file piece by piece, so that the reader decides how much memory that takes.
/// Files of several members are one stream, as for gunzip.
class GzipReader {
 public:
  /// `bytes` must outlive the reader; `path` is for messages.
  GzipReader(std::span<const std::byte> bytes, std::string path);
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;
  ~GzipReader();

  /// Fills `out` and returns its size, or less at the end of the stream, whose checksum was then
  /// right. Throws FormatError: kTruncated if the file ends before the stream, else kCorrupt.
  size_t read(std::span<std::byte> out);

 private:
  bool start_next_member();

  std::span<const std::byte> rest_;  // not yet given to zlib
  std::string path_;
  std::unique_ptr<z_stream_s> stream_;
  bool ended_ = false;
};

}  // namespace vitrine
