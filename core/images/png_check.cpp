#include "core/images/png_check.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "core/ceil_div.hpp"
#include "core/error.hpp"
#include "core/formats/bytes.hpp"
#include "core/images/image.hpp"

namespace vitrine {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
constexpr size_t kChunkFrame = 12;  // length, type, checksum
constexpr size_t kHeaderBytes = 13;
constexpr int kMaxPaletteEntries = 256;

// Some encoders add a few bytes behind the last row, which decoders ignore; more is a bomb.
constexpr int64_t kMaxSurplus = int64_t{1} << 16;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Chunk {
  std::string_view type;
  size_t at = 0;  // of its length field
  std::span<const std::byte> payload;
  bool is_cut = false;  // the file ends, and the picture is whole

  bool is_critical() const { return (type[0] & 0x20) == 0; }
};

// Bytes of all rows with their filter bytes, before compression.
int64_t unpacked_size(const PngFacts& facts) {
  int64_t size = 0;
  for (const PngPass& pass : png_passes(facts)) {
    size += pass.height * (1 + png_row_bytes(facts, pass.width));
  }
  return size;
}

// Unpacks the IDAT chunks, which are one zlib stream, and forgets the result.
class StreamCheck {
 public:
  StreamCheck(int64_t expected, std::string_view path) : expected_(expected), path_(path) {
    if (inflateInit(&stream_) != Z_OK) throw IoError(path_, "cannot unpack: out of memory");
  }
  StreamCheck(const StreamCheck&) = delete;
  StreamCheck& operator=(const StreamCheck&) = delete;
  ~StreamCheck() { inflateEnd(&stream_); }

  void add(const Chunk& chunk) {
    // zlib does not write to its input; its type is older than const.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(chunk.payload.data()));
    stream_.avail_in = static_cast<uInt>(chunk.payload.size());
    do {
      if (ended_) return;
      stream_.next_out = buffer_.data();
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      const int status = inflate(&stream_, Z_NO_FLUSH);
      unpacked_ += static_cast<int64_t>(buffer_.size() - stream_.avail_out);
      ended_ = status == Z_STREAM_END;
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        throw FormatError(FormatKind::kCorrupt, path_, static_cast<int64_t>(chunk.at),
                          "the compressed pixels are damaged");
      }
      if (unpacked_ > expected_ + kMaxSurplus) {
        throw FormatError(FormatKind::kTooLarge, path_, static_cast<int64_t>(chunk.at),
                          fmt::format("unpacks to more than the {} bytes of its rows", expected_));
      }
    } while (stream_.avail_in > 0 || stream_.avail_out == 0);
  }

  bool has_all_rows() const { return unpacked_ >= expected_; }

  void finish() const {
    if (has_all_rows()) return;
    throw FormatError(FormatKind::kTruncated, path_, -1,
                      fmt::format("the pixels end after {} of {} bytes", unpacked_, expected_));
  }

 private:
  int64_t expected_;
  std::string path_;
  z_stream stream_ = {};
  std::array<Bytef, 1 << 15> buffer_;
  int64_t unpacked_ = 0;
  bool ended_ = false;
};

class PngCheck {
 public:
  PngCheck(std::span<const std::byte> bytes, std::string_view path) : bytes_(bytes), path_(path) {}

  PngFacts run() {
    check_signature();
    size_t at = kSignature.size();
    for (bool first = true;; first = false) {
      const Chunk chunk = read_chunk(at);
      if (chunk.is_cut) break;
      if (first != (chunk.type == "IHDR")) {
        refuse(first ? FormatKind::kBadHeader : FormatKind::kDuplicate, at,
               "a PNG must have one IHDR chunk, and start with it");
      }
      if (chunk.type == "IEND") break;
      if (chunk.type == "IHDR") {
        check_header(chunk);
      } else if (chunk.type == "PLTE") {
        check_palette(chunk);
      } else if (chunk.type == "IDAT") {
        check_data(chunk);
      } else if (chunk.is_critical()) {
        refuse(FormatKind::kUnsupported, at, fmt::format("unknown chunk '{}'", chunk.type));
      }
      at += kChunkFrame + chunk.payload.size();
    }
    if (!stream_) refuse(FormatKind::kTruncated, at, "no IDAT chunk: the picture is missing");
    stream_->finish();
    return facts_;
  }

 private:
  [[noreturn]] void refuse(FormatKind kind, size_t at, const std::string& what) const {
    throw FormatError(kind, path_, static_cast<int64_t>(at), what);
  }

  void check_signature() const {
    const std::string_view start = as_text(bytes_).substr(0, kSignature.size());
    if (start == kSignature) return;
    if (kSignature.starts_with(start)) {
      refuse(FormatKind::kTruncated, 0, fmt::format("the file has {} bytes", bytes_.size()));
    }
    refuse(FormatKind::kBadMagic, 0, "not a PNG file");
  }

  Chunk read_chunk(size_t at);
  Chunk read_cut_chunk(size_t at);
  void check_header(const Chunk& chunk);
  void check_palette(const Chunk& chunk);
  void check_data(const Chunk& chunk);
  bool has_all_rows() const { return stream_ && stream_->has_all_rows(); }

  std::span<const std::byte> bytes_;
  std::string_view path_;
  PngFacts facts_;
  std::unique_ptr<StreamCheck> stream_;
};

// At the end of the file, and inside of its last chunk, what counts is whether the picture is
// whole.
Chunk PngCheck::read_cut_chunk(size_t at) {
  constexpr size_t kFront = 8;  // length, type
  if (bytes_.size() - at > kFront && as_text(bytes_.subspan(at + 4, 4)) == "IDAT" &&
      facts_.width > 0) {
    check_data({"IDAT", at, bytes_.subspan(at + kFront)});
  }
  if (!has_all_rows()) {
    refuse(FormatKind::kTruncated, at,
           "the file ends before the end of the picture; download it again");
  }
  return {.type = "", .at = at, .payload = {}, .is_cut = true};
}

Chunk PngCheck::read_chunk(size_t at) {
  constexpr size_t kMaxLength = (size_t{1} << 31) - 1;
  const size_t left = bytes_.size() - at;
  if (left < kChunkFrame) return read_cut_chunk(at);
  const size_t length = load_be32(&bytes_[at]);
  if (length > kMaxLength) {
    refuse(FormatKind::kBadHeader, at, fmt::format("a chunk of {} bytes", length));
  }
  if (length > left - kChunkFrame) return read_cut_chunk(at);
  const Chunk chunk = {as_text(bytes_.subspan(at + 4, 4)), at, bytes_.subspan(at + 8, length)};
  const bool is_name = std::all_of(chunk.type.begin(), chunk.type.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
  if (!is_name) refuse(FormatKind::kBadHeader, at, "a chunk's type must be four letters");
  if (chunk.is_critical()) {
    const auto* checked = reinterpret_cast<const Bytef*>(&bytes_[at + 4]);
    if (crc32_z(0, checked, 4 + length) != load_be32(&bytes_[at + 8 + length])) {
      refuse(FormatKind::kCorrupt, at,
             fmt::format("wrong checksum of the {} chunk; download the file again", chunk.type));
    }
  }
  return chunk;
}

void PngCheck::check_header(const Chunk& chunk) {
  if (chunk.payload.size() != kHeaderBytes) {
    refuse(FormatKind::kBadHeader, chunk.at,
           fmt::format("IHDR must have 13 bytes, got {}", chunk.payload.size()));
  }
  const auto field = [&](size_t i) { return static_cast<int>(chunk.payload[i]); };
  facts_.width = int64_t{load_be32(&chunk.payload[0])};
  facts_.height = int64_t{load_be32(&chunk.payload[4])};
  facts_.bit_depth = field(8);
  facts_.colour_type = field(9);
  facts_.interlaced = field(12) == 1;

  // Legal depths per colour type, a bit for each.
  constexpr std::array<int, 7> kDepths = {
      1 | 2 | 4 | 8 | 16, 0, 8 | 16, 1 | 2 | 4 | 8, 8 | 16, 0, 8 | 16};
  const int depth = facts_.bit_depth;
  const bool one_bit = depth > 0 && (depth & (depth - 1)) == 0;
  const bool known_type = facts_.colour_type < static_cast<int>(kDepths.size());
  if (!known_type || !one_bit || (kDepths[static_cast<size_t>(facts_.colour_type)] & depth) == 0) {
    refuse(FormatKind::kBadHeader, chunk.at,
           fmt::format("bit depth {} with colour type {}", depth, facts_.colour_type));
  }
  if (field(10) != 0 || field(11) != 0 || field(12) > 1) {
    refuse(FormatKind::kBadHeader, chunk.at,
           fmt::format("compression {}, filter {}, interlace {}", field(10), field(11), field(12)));
  }
  if (facts_.width == 0 || facts_.height == 0) {
    refuse(FormatKind::kBadShape, chunk.at,
           fmt::format("the image has {} x {} pixels", facts_.width, facts_.height));
  }
  check_pixels(facts_.width, facts_.height, path_);
}

void PngCheck::check_palette(const Chunk& chunk) {
  if (!facts_.palette.empty()) {
    refuse(FormatKind::kDuplicate, chunk.at, "a second PLTE chunk");
  }
  const auto size = static_cast<int64_t>(chunk.payload.size());
  if (size == 0 || size % 3 != 0 || size > 3 * kMaxPaletteEntries) {
    refuse(FormatKind::kBadHeader, chunk.at, fmt::format("a palette of {} bytes", size));
  }
  facts_.palette = chunk.payload;
}

void PngCheck::check_data(const Chunk& chunk) {
  if (facts_.colour_type == 3 && facts_.palette.empty()) {
    refuse(FormatKind::kBadHeader, chunk.at, "indexed colour without a PLTE chunk before the data");
  }
  if (!stream_) stream_ = std::make_unique<StreamCheck>(unpacked_size(facts_), path_);
  stream_->add(chunk);
  facts_.data.push_back(chunk.payload);
}

}  // namespace

std::vector<PngPass> png_passes(const PngFacts& facts) {
  if (!facts.interlaced) return {{.width = facts.width, .height = facts.height}};
  constexpr std::array<PngPass, 7> kAdam7 = {{{0, 0, 8, 8},
                                              {4, 0, 8, 8},
                                              {0, 4, 4, 8},
                                              {2, 0, 4, 4},
                                              {0, 2, 2, 4},
                                              {1, 0, 2, 2},
                                              {0, 1, 1, 2}}};
  std::vector<PngPass> passes;
  for (PngPass pass : kAdam7) {
    pass.width = ceil_div(facts.width - pass.x0, pass.dx);
    pass.height = ceil_div(facts.height - pass.y0, pass.dy);
    if (pass.width > 0 && pass.height > 0) passes.push_back(pass);
  }
  return passes;
}

int png_samples(const PngFacts& facts) {
  constexpr std::array<int, 7> kSamples = {1, 0, 3, 1, 2, 0, 4};  // per colour type
  return kSamples[static_cast<size_t>(facts.colour_type)];
}

int64_t png_row_bytes(const PngFacts& facts, int64_t width) {
  return (width * png_samples(facts) * facts.bit_depth + 7) / 8;
}

bool is_png(std::span<const std::byte> bytes) { return as_text(bytes).starts_with(kSignature); }

PngFacts check_png(std::span<const std::byte> bytes, std::string_view path) {
  return PngCheck(bytes, path).run();
}

}  // namespace vitrine
