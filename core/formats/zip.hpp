#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct z_stream_s;

namespace vitrine {

/// A file inside a zip archive.
struct ZipMember {
  std::string name;                 ///< as written; never used as a path
  std::span<const std::byte> data;  ///< as it lies in the archive
  int64_t size = 0;                 ///< unpacked
  uint32_t checksum = 0;            ///< CRC-32 of the unpacked bytes
  bool deflated = false;            ///< otherwise data is the content
};

/// Whether the bytes start like a zip archive.
bool is_zip(std::span<const std::byte> bytes);

/// The members of a zip archive, in the order of its directory; folders are left out. Sizes come
/// from the central directory, since NumPy and PyTorch leave them out of the local headers. Every
/// range is checked against the file and no two overlap, so that all members together are at most
/// kMaxDeflateRatio times as large as the file.
///   path   for messages
/// Throws FormatError: kBadMagic, kTruncated, kBadHeader, kBadOffsets, kDuplicate, kUnsupported
/// (encrypted, several disks, methods other than stored and deflated), kTooLarge (a size that no
/// deflated data can have).
/// Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
std::vector<ZipMember> parse_zip(std::span<const std::byte> bytes, std::string_view path);

/// Unpacks a member piece by piece, so that the reader decides how much memory that takes.
class ZipReader {
 public:
  /// `member` must outlive the reader.
  ZipReader(const ZipMember& member, std::string path);
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;
  ~ZipReader();

  /// Bytes that are left, as the directory says.
  int64_t left() const { return left_; }
  /// Fills `out`, which must be at most left() bytes. Throws FormatError (kTruncated, kCorrupt).
  void read(std::span<std::byte> out);
  /// The same for stored members, without a copy.
  std::span<const std::byte> view(int64_t count);
  /// To be called when everything was read: the packed data ends here too, and its checksum is
  /// right. Throws FormatError(kCorrupt) otherwise.
  void finish();

 private:
  void add(std::span<const std::byte> part);
  size_t inflate_some(std::span<std::byte> out);

  const ZipMember& member_;
  std::string path_;
  int64_t left_;
  uint32_t checksum_ = 0;
  std::unique_ptr<z_stream_s> stream_;  // of a deflated member
  bool ended_ = false;
};

/// The whole content of a member, its checksum compared. Throws FormatError; kTooLarge if it has
/// more than `limit` bytes.
std::vector<std::byte> read_member(const ZipMember& member, std::string_view path, int64_t limit);

}  // namespace vitrine
