#include "core/formats/zip.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "core/error.hpp"
#include "core/formats/bytes.hpp"
#include "core/formats/gzip.hpp"

namespace vitrine {
namespace {

// Records, by their signature and the size of their fixed part.
constexpr uint32_t kLocal = 0x04034b50;
constexpr uint32_t kCentral = 0x02014b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50;
constexpr uint32_t kEnd64Locator = 0x07064b50;
constexpr size_t kLocalSize = 30;
constexpr size_t kCentralSize = 46;
constexpr size_t kEndSize = 22;
constexpr size_t kEnd64Size = 56;
constexpr size_t kEnd64LocatorSize = 20;

constexpr size_t kMaxComment = 65535;
constexpr uint32_t kIn64 = 0xffffffff;  // "the value is in the zip64 field"
constexpr uint16_t kZip64Field = 1;
constexpr uint16_t kEncrypted = 1;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;
constexpr int kRawWindow = -15;                // zlib's code for "no wrapper, any window"
constexpr size_t kMaxPiece = size_t{1} << 30;  // zlib counts in unsigned int
constexpr int64_t kSmallestDeflated = 64;      // an empty block and a run cost less

/// Where the directory lies.
struct Directory {
  uint64_t offset, size, entries;
};

/// A member's entry in the central directory.
struct Entry {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint32_t checksum = 0;
  uint64_t packed = 0, size = 0, offset = 0;
};

class ZipParser {
 public:
  ZipParser(std::span<const std::byte> bytes, std::string_view path) : bytes_(bytes), path_(path) {}

  std::vector<ZipMember> members();

 private:
  [[noreturn]] void refuse(FormatKind kind, int64_t at, const std::string& what) const {
    throw FormatError(kind, path_, at, what);
  }
  bool holds(uint64_t offset, uint64_t size) const {
    return offset <= bytes_.size() && size <= bytes_.size() - offset;
  }
  const std::byte* at(uint64_t offset) const { return bytes_.data() + offset; }

  size_t find_end() const;
  Directory find_directory() const;
  Entry parse_entry(uint64_t offset, uint64_t limit, uint64_t& next) const;
  void parse_zip64(Entry& entry, uint64_t offset, uint64_t size) const;
  ZipMember member_of(const Entry& entry) const;
  void check_ranges(std::vector<std::pair<const std::byte*, const std::byte*>> ranges) const;
  void check_names(const std::vector<ZipMember>& members) const;

  std::span<const std::byte> bytes_;
  std::string path_;
};

/// The end record: the last one whose comment reaches exactly to the end of the file.
size_t ZipParser::find_end() const {
  if (!is_zip(bytes_)) refuse(FormatKind::kBadMagic, 0, "not a zip archive");
  if (bytes_.size() >= kEndSize) {
    const size_t last = bytes_.size() - kEndSize;
    const size_t first = last > kMaxComment ? last - kMaxComment : 0;
    for (size_t offset = last + 1; offset-- > first;) {
      if (load_le32(at(offset)) != kEnd) continue;
      if (offset + kEndSize + load_le16(at(offset + 20)) == bytes_.size()) return offset;
    }
  }
  refuse(FormatKind::kTruncated, -1,
         "the zip archive's directory is missing at its end; download the file again");
}

Directory ZipParser::find_directory() const {
  const size_t end = find_end();
  if (load_le16(at(end + 4)) != 0 || load_le16(at(end + 6)) != 0) {
    refuse(FormatKind::kUnsupported, static_cast<int64_t>(end), "an archive of several disks");
  }
  Directory directory{load_le32(at(end + 16)), load_le32(at(end + 12)), load_le16(at(end + 10))};
  if (end >= kEnd64LocatorSize && load_le32(at(end - kEnd64LocatorSize)) == kEnd64Locator) {
    const uint64_t end64 = load_le64(at(end - kEnd64LocatorSize + 8));
    if (!holds(end64, kEnd64Size) || load_le32(at(end64)) != kEnd64) {
      refuse(FormatKind::kBadHeader, static_cast<int64_t>(end),
             "no zip64 end record where it says");
    }
    directory = {load_le64(at(end64 + 48)), load_le64(at(end64 + 40)), load_le64(at(end64 + 32))};
  }
  if (!holds(directory.offset, directory.size) || directory.offset + directory.size > end) {
    refuse(FormatKind::kTruncated, static_cast<int64_t>(end),
           "the zip archive's directory does not lie in the file; download it again");
  }
  if (directory.entries > directory.size / kCentralSize) {
    refuse(FormatKind::kBadHeader, static_cast<int64_t>(end),
           fmt::format("{} members in a directory of {} bytes", directory.entries, directory.size));
  }
  return directory;
}

/// Replaces the sizes that did not fit into 32 bits.
void ZipParser::parse_zip64(Entry& entry, uint64_t offset, uint64_t size) const {
  const uint64_t end = offset + size;
  while (offset + 4 <= end) {
    const uint16_t kind = load_le16(at(offset));
    const uint64_t field_end = offset + 4 + load_le16(at(offset + 2));
    if (field_end > end) break;
    uint64_t value = offset + 4;
    offset = field_end;
    if (kind != kZip64Field) continue;
    for (uint64_t* wide : {&entry.size, &entry.packed, &entry.offset}) {
      if (*wide != kIn64) continue;
      if (value + 8 > field_end) {
        refuse(FormatKind::kBadHeader, static_cast<int64_t>(value), "a zip64 field is too short");
      }
      *wide = load_le64(at(value));
      value += 8;
    }
    return;
  }
}

Entry ZipParser::parse_entry(uint64_t offset, uint64_t limit, uint64_t& next) const {
  const auto where = static_cast<int64_t>(offset);
  if (limit - offset < kCentralSize || load_le32(at(offset)) != kCentral) {
    refuse(FormatKind::kBadHeader, where, "the zip archive's directory is damaged");
  }
  Entry entry;
  entry.flags = load_le16(at(offset + 8));
  entry.method = load_le16(at(offset + 10));
  entry.checksum = load_le32(at(offset + 16));
  entry.packed = load_le32(at(offset + 20));
  entry.size = load_le32(at(offset + 24));
  entry.offset = load_le32(at(offset + 42));
  const uint64_t name_size = load_le16(at(offset + 28));
  const uint64_t extra_size = load_le16(at(offset + 30));
  const uint64_t comment_size = load_le16(at(offset + 32));
  next = offset + kCentralSize + name_size + extra_size + comment_size;
  if (next > limit) refuse(FormatKind::kBadHeader, where, "a member's entry ends too late");
  const char* name = reinterpret_cast<const char*>(at(offset + kCentralSize));
  entry.name.assign(name, name_size);
  parse_zip64(entry, offset + kCentralSize + name_size, extra_size);
  return entry;
}

ZipMember ZipParser::member_of(const Entry& entry) const {
  const auto refuse_member = [&](FormatKind kind, const std::string& what) {
    refuse(kind, -1, fmt::format("member '{}' {}", entry.name, what));
  };
  if ((entry.flags & kEncrypted) != 0) refuse_member(FormatKind::kUnsupported, "is encrypted");
  if (entry.method != kStored && entry.method != kDeflated) {
    refuse_member(
        FormatKind::kUnsupported,
        fmt::format("is packed by method {}; known are stored and deflated", entry.method));
  }
  if (!holds(entry.offset, kLocalSize) || load_le32(at(entry.offset)) != kLocal) {
    refuse_member(FormatKind::kBadOffsets, fmt::format("is not at byte {}", entry.offset));
  }
  // Name and padding of the local header have sizes of their own.
  const uint64_t start = entry.offset + kLocalSize + load_le16(at(entry.offset + 26)) +
                         load_le16(at(entry.offset + 28));
  if (!holds(start, entry.packed)) {
    refuse_member(FormatKind::kTruncated, fmt::format("has {} bytes from byte {}, the file has {}; "
                                                      "download it again",
                                                      entry.packed, start, bytes_.size()));
  }
  const bool deflated = entry.method == kDeflated;
  if (!deflated && entry.size != entry.packed) {
    refuse_member(FormatKind::kBadHeader,
                  fmt::format("is stored in {} bytes and has {}", entry.packed, entry.size));
  }
  const auto most = static_cast<uint64_t>(kMaxDeflateRatio) * entry.packed + kSmallestDeflated;
  if (entry.size > most) {
    refuse_member(FormatKind::kTooLarge,
                  fmt::format("says {} bytes, more than {} deflated ones can hold", entry.size,
                              entry.packed));
  }
  return {entry.name, bytes_.subspan(start, entry.packed), static_cast<int64_t>(entry.size),
          entry.checksum, deflated};
}

/// Members that share bytes would make a small file unpack to any size.
void ZipParser::check_ranges(
    std::vector<std::pair<const std::byte*, const std::byte*>> ranges) const {
  std::ranges::sort(ranges);
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) {
      refuse(FormatKind::kBadOffsets, ranges[i].first - bytes_.data(), "members overlap");
    }
  }
}

void ZipParser::check_names(const std::vector<ZipMember>& members) const {
  std::vector<std::string_view> names;
  names.reserve(members.size());
  for (const ZipMember& member : members) names.push_back(member.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) {
    refuse(FormatKind::kDuplicate, -1, fmt::format("member '{}' comes twice", *twice));
  }
}

std::vector<ZipMember> ZipParser::members() {
  const Directory directory = find_directory();
  const uint64_t limit = directory.offset + directory.size;
  uint64_t offset = directory.offset;
  std::vector<ZipMember> members;
  std::vector<std::pair<const std::byte*, const std::byte*>> ranges;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    const Entry entry = parse_entry(offset, limit, offset);
    if (entry.name.ends_with('/')) continue;
    const ZipMember member = member_of(entry);
    ranges.emplace_back(at(entry.offset), member.data.data() + member.data.size());
    members.push_back(member);
  }
  check_ranges(std::move(ranges));
  check_names(members);
  return members;
}

}  // namespace

bool is_zip(std::span<const std::byte> bytes) {
  if (bytes.size() < 4) return false;
  const uint32_t start = load_le32(bytes.data());
  return start == kLocal || start == kEnd;  // the second is an archive without members
}

std::vector<ZipMember> parse_zip(std::span<const std::byte> bytes, std::string_view path) {
  return ZipParser(bytes, path).members();
}

ZipReader::ZipReader(const ZipMember& member, std::string path)
    : member_(member), path_(std::move(path)), left_(member.size) {
  if (!member.deflated) return;
  stream_ = std::make_unique<z_stream_s>();
  if (inflateInit2(stream_.get(), kRawWindow) != Z_OK) {
    throw IoError(path_, "cannot unpack: out of memory");
  }
}

ZipReader::~ZipReader() {
  if (stream_) inflateEnd(stream_.get());
}

std::span<const std::byte> ZipReader::view(int64_t count) {
  VT_CHECK(!member_.deflated && count <= left_);
  const auto part =
      member_.data.subspan(static_cast<size_t>(member_.size - left_), static_cast<size_t>(count));
  add(part);
  return part;
}

/// Counts bytes of the content.
void ZipReader::add(std::span<const std::byte> part) {
  const auto* bytes = reinterpret_cast<const Bytef*>(part.data());
  if (!part.empty()) checksum_ = static_cast<uint32_t>(crc32_z(checksum_, bytes, part.size()));
  left_ -= static_cast<int64_t>(part.size());
}

/// One call of zlib: the number of bytes that it wrote to `out`.
size_t ZipReader::inflate_some(std::span<std::byte> out) {
  if (stream_->avail_in == 0) {
    const size_t used = stream_->total_in;
    // zlib does not write to its input; its type is older than const.
    auto* input = reinterpret_cast<Bytef*>(const_cast<std::byte*>(member_.data.data()));
    stream_->next_in = input + used;
    stream_->avail_in = static_cast<uInt>(std::min(member_.data.size() - used, kMaxPiece));
  }
  const size_t room = std::min(out.size(), kMaxPiece);
  stream_->next_out = reinterpret_cast<Bytef*>(out.data());
  stream_->avail_out = static_cast<uInt>(room);
  const int status = inflate(stream_.get(), Z_NO_FLUSH);
  if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
    throw FormatError(
        FormatKind::kCorrupt, path_, -1,
        fmt::format("the deflated data of '{}' is damaged; download the file again", member_.name));
  }
  ended_ = status == Z_STREAM_END;
  return room - stream_->avail_out;
}

void ZipReader::read(std::span<std::byte> out) {
  VT_CHECK(static_cast<int64_t>(out.size()) <= left_);
  if (!member_.deflated) {
    std::ranges::copy(view(static_cast<int64_t>(out.size())), out.begin());
    return;
  }
  while (!out.empty()) {
    const size_t got = ended_ ? 0 : inflate_some(out);
    if (got == 0 && (ended_ || stream_->total_in == member_.data.size())) {
      throw FormatError(FormatKind::kTruncated, path_, -1,
                        fmt::format("the deflated data of '{}' ends too early; download the file "
                                    "again",
                                    member_.name));
    }
    add(out.first(got));
    out = out.subspan(got);
  }
}

void ZipReader::finish() {
  VT_CHECK(left_ == 0);
  // The end mark may still be unread; a byte that comes before it is too much.
  std::byte more{};
  const bool longer = member_.deflated && !ended_ && inflate_some(std::span(&more, 1)) > 0;
  if (member_.deflated && (!ended_ || longer)) {
    throw FormatError(FormatKind::kCorrupt, path_, -1,
                      fmt::format("'{}' does not unpack to the {} bytes that it says", member_.name,
                                  member_.size));
  }
  if (checksum_ != member_.checksum) {
    throw FormatError(FormatKind::kCorrupt, path_, -1,
                      fmt::format("the checksum of '{}' is {:08x}, the archive says {:08x}; "
                                  "download the file again",
                                  member_.name, checksum_, member_.checksum));
  }
}

std::vector<std::byte> read_member(const ZipMember& member, std::string_view path, int64_t limit) {
  if (member.size > limit) {
    throw FormatError(
        FormatKind::kTooLarge, path, -1,
        fmt::format("member '{}' has {} bytes, more than {}", member.name, member.size, limit));
  }
  ZipReader reader(member, std::string(path));
  std::vector<std::byte> bytes(static_cast<size_t>(member.size));
  reader.read(bytes);
  reader.finish();
  return bytes;
}

}  // namespace vitrine
