#include "core/jpeg_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "core/bytes.hpp"
#include "core/ceil_div.hpp"
#include "core/error.hpp"
#include "core/image.hpp"

namespace vitrine {
namespace {

constexpr int kMaxScans = 50;  // libjpeg writes 10 for a progressive image
constexpr int kMaxTables = 4;  // of each kind
constexpr int kLastCoefficient = 63;
constexpr int kMaxSuccessiveBits = 13;
constexpr size_t kLengthBytes = 2;

// Markers, the byte after 0xff.
enum Marker : uint8_t {
  kStuffedZero = 0x00,
  kSof0 = 0xc0,
  kSof2 = 0xc2,
  kDht = 0xc4,
  kSof15 = 0xcf,
  kRst0 = 0xd0,
  kRst7 = 0xd7,
  kSoi = 0xd8,
  kEoi = 0xd9,
  kSos = 0xda,
  kDqt = 0xdb,
  kDnl = 0xdc,
  kDri = 0xdd,
  kApp0 = 0xe0,
  kApp14 = 0xee,
  kApp15 = 0xef,
  kCom = 0xfe,
};

struct Component {
  int id = 0;
  int horizontal = 0;  // sampling factors
  int vertical = 0;
  int quantiser = 0;
  bool scanned = false;
};

class JpegCheck {
 public:
  JpegCheck(std::span<const std::byte> bytes, std::string_view path) : bytes_(bytes), path_(path) {}

  JpegFacts run();

 private:
  [[noreturn]] void refuse(FormatKind kind, const std::string& what) const {
    throw FormatError(kind, path_, static_cast<int64_t>(marker_at_), what);
  }
  [[noreturn]] void refuse_header(const std::string& what) const {
    refuse(FormatKind::kBadHeader, what);
  }
  [[noreturn]] void refuse_end() const {
    refuse(FormatKind::kTruncated, "the file ends before the end of the image; download it again");
  }

  uint8_t next_marker();
  void read_segment(uint8_t marker);
  void check_frame(uint8_t marker);
  void check_size() const;
  void check_sampling() const;
  void check_huffman_tables();
  void check_quantisers();
  void check_scan();
  void check_scan_range(int dc_table, int ac_table) const;
  void skip_samples();

  int byte(size_t i) const { return static_cast<int>(segment_[i]); }

  std::span<const std::byte> bytes_;
  std::string_view path_;
  size_t at_ = 0;                       // next byte to read
  size_t marker_at_ = 0;                // of the segment in hand, for messages
  std::span<const std::byte> segment_;  // payload of the segment in hand

  JpegFacts facts_;
  std::array<Component, 4> components_;
  std::array<bool, kMaxTables> has_quantiser_ = {};
  std::array<bool, kMaxTables> has_dc_ = {};
  std::array<bool, kMaxTables> has_ac_ = {};
  int adobe_transform_ = -1;  // of Adobe's marker
};

JpegFacts JpegCheck::run() {
  at_ = 2;  // SOI
  for (;;) {
    const uint8_t marker = next_marker();
    if (marker == kEoi) break;
    read_segment(marker);
    if (marker == kSos) {
      check_scan();
      skip_samples();
    } else if (marker == kDht) {
      check_huffman_tables();
    } else if (marker == kDqt) {
      check_quantisers();
    } else if (marker >= kSof0 && marker <= kSof15) {
      check_frame(marker);
    } else if (marker == kDri || marker == kDnl) {
      if (segment_.size() != 2) refuse_header("a DRI or DNL segment must have 4 bytes");
    } else if (marker == kApp14) {
      const std::string_view text(reinterpret_cast<const char*>(segment_.data()), segment_.size());
      const bool adobe = segment_.size() >= 12 && text.starts_with(std::string_view("Adobe\0", 6));
      if (adobe) adobe_transform_ = byte(11);
    } else if (!(marker >= kApp0 && marker <= kApp15) && marker != kCom) {
      refuse_header(fmt::format("unknown marker {:#04x}", marker));
    }
  }
  if (facts_.components == 0) refuse_header("the image ends before its frame header (SOF)");
  if (facts_.components == 4 && adobe_transform_ != 0 && adobe_transform_ != 2) {
    refuse(FormatKind::kUnsupported,
           "four components that Adobe's marker does not call CMYK or YCCK; convert the picture to "
           "RGB");
  }
  for (int i = 0; i < facts_.components; ++i) {
    if (!components_[static_cast<size_t>(i)].scanned) {
      refuse(FormatKind::kTruncated, fmt::format("component {} has no scan", i));
    }
  }
  return facts_;
}

uint8_t JpegCheck::next_marker() {
  // Some encoders pad between segments.
  while (at_ < bytes_.size() && bytes_[at_] != std::byte{0xff}) ++at_;
  while (at_ < bytes_.size() && bytes_[at_] == std::byte{0xff}) ++at_;
  if (at_ >= bytes_.size()) refuse_end();
  marker_at_ = at_ - 1;
  const auto marker = static_cast<uint8_t>(bytes_[at_++]);
  if (marker < kSof0 || (marker >= kRst0 && marker <= kSoi)) {
    refuse_header(fmt::format("unexpected marker {:#04x}", marker));
  }
  return marker;
}

void JpegCheck::read_segment(uint8_t marker) {
  if (bytes_.size() - at_ < kLengthBytes) refuse_end();
  const size_t length = load_be16(&bytes_[at_]);
  if (length < kLengthBytes) {
    refuse_header(fmt::format("segment {:#04x} has a length of {}", marker, length));
  }
  if (length > bytes_.size() - at_) refuse_end();
  segment_ = bytes_.subspan(at_ + kLengthBytes, length - kLengthBytes);
  at_ += length;
}

void JpegCheck::check_frame(uint8_t marker) {
  if (marker > kSof2) {
    refuse(FormatKind::kUnsupported,
           fmt::format("JPEG process {:#04x} (lossless, hierarchical or arithmetic); save the "
                       "picture as a baseline or progressive JPEG",
                       marker));
  }
  if (facts_.components != 0) refuse(FormatKind::kDuplicate, "a second frame header (SOF)");
  if (segment_.size() < 6) refuse_header("the frame header (SOF) is too short");
  if (byte(0) != 8) {
    refuse(FormatKind::kUnsupported, fmt::format("samples of {} bits, only 8 are read", byte(0)));
  }
  const int count = byte(5);
  if (count == 0 || segment_.size() != 6 + 3 * static_cast<size_t>(count)) {
    refuse_header(
        fmt::format("a frame header of {} bytes with {} components", segment_.size(), count));
  }
  if (count != 1 && count != 3 && count != 4) {
    refuse(FormatKind::kUnsupported, fmt::format("{} components", count));
  }
  facts_.height = load_be16(&segment_[1]);
  facts_.width = load_be16(&segment_[3]);
  facts_.components = count;
  facts_.progressive = marker == kSof2;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const size_t field = 6 + 3 * i;
    components_[i] = {byte(field), byte(field + 1) >> 4, byte(field + 1) & 15, byte(field + 2),
                      false};
  }
  check_sampling();
  check_size();
}

void JpegCheck::check_sampling() const {
  int most_horizontal = 1;
  int most_vertical = 1;
  for (int i = 0; i < facts_.components; ++i) {
    const Component& c = components_[static_cast<size_t>(i)];
    if (c.horizontal < 1 || c.horizontal > 4 || c.vertical < 1 || c.vertical > 4) {
      refuse_header(fmt::format("sampling factors of component {} must be 1 to 4, got {} x {}", i,
                                c.horizontal, c.vertical));
    }
    if (c.quantiser >= kMaxTables) {
      refuse_header(fmt::format("component {} asks for quantiser {}", i, c.quantiser));
    }
    most_horizontal = std::max(most_horizontal, c.horizontal);
    most_vertical = std::max(most_vertical, c.vertical);
  }
  for (int i = 0; i < facts_.components; ++i) {
    const Component& c = components_[static_cast<size_t>(i)];
    if (most_horizontal % c.horizontal != 0 || most_vertical % c.vertical != 0) {
      refuse(FormatKind::kUnsupported, "sampling factors that do not divide each other");
    }
  }
}

void JpegCheck::check_size() const {
  if (facts_.width == 0 || facts_.height == 0) {
    refuse(FormatKind::kBadShape,
           fmt::format("the image has {} x {} pixels", facts_.width, facts_.height));
  }
  if (facts_.width * facts_.height > kMaxImagePixels) {
    refuse(FormatKind::kTooLarge,
           fmt::format("the image has {} x {} pixels, at most {} are allowed", facts_.width,
                       facts_.height, kMaxImagePixels));
  }
  // Decoders hold whole MCUs: every component covers them with horizontal * vertical blocks.
  int64_t blocks_per_mcu = 0;
  int64_t mcu_width = 8;
  int64_t mcu_height = 8;
  for (int i = 0; i < facts_.components; ++i) {
    const Component& c = components_[static_cast<size_t>(i)];
    blocks_per_mcu += c.horizontal * c.vertical;
    mcu_width = std::max<int64_t>(mcu_width, 8 * c.horizontal);
    mcu_height = std::max<int64_t>(mcu_height, 8 * c.vertical);
  }
  const int64_t mcus = ceil_div(facts_.width, mcu_width) * ceil_div(facts_.height, mcu_height);
  // A block costs at least one bit, for its DC coefficient.
  if (mcus * blocks_per_mcu > 8 * static_cast<int64_t>(bytes_.size())) {
    refuse(FormatKind::kTruncated, fmt::format("{} x {} pixels cannot be in a file of {} bytes",
                                               facts_.width, facts_.height, bytes_.size()));
  }
}

void JpegCheck::check_huffman_tables() {
  while (!segment_.empty()) {
    if (segment_.size() < 17) refuse_header("a Huffman table (DHT) is too short");
    const int kind = byte(0) >> 4;
    const int index = byte(0) & 15;
    if (kind > 1 || index >= kMaxTables) {
      refuse_header(fmt::format("Huffman table of class {}, number {}", kind, index));
    }
    // Codes of growing length; there are not enough of a length if the next one does not fit.
    int codes = 0;
    int next_code = 0;
    for (size_t length = 1; length <= 16; ++length) {
      const int count = byte(length);
      codes += count;
      next_code = 2 * next_code + count;
      if (next_code > 1 << length) {
        refuse_header(fmt::format("Huffman table with too many codes of {} bits", length));
      }
    }
    if (codes > 256 || segment_.size() < 17 + static_cast<size_t>(codes)) {
      refuse_header(
          fmt::format("a Huffman table of {} codes in {} bytes", codes, segment_.size() - 17));
    }
    (kind == 0 ? has_dc_ : has_ac_)[static_cast<size_t>(index)] = true;
    segment_ = segment_.subspan(17 + static_cast<size_t>(codes));
  }
}

void JpegCheck::check_quantisers() {
  while (!segment_.empty()) {
    const int bytes_each = 1 + (byte(0) >> 4);
    const int index = byte(0) & 15;
    if (bytes_each > 2 || index >= kMaxTables) {
      refuse_header(fmt::format("quantiser of {} bytes, number {}", bytes_each, index));
    }
    const size_t size = 1 + 64 * static_cast<size_t>(bytes_each);
    if (segment_.size() < size) refuse_header("a quantiser (DQT) is too short");
    has_quantiser_[static_cast<size_t>(index)] = true;
    segment_ = segment_.subspan(size);
  }
}

void JpegCheck::check_scan() {
  if (facts_.components == 0) refuse_header("a scan (SOS) before the frame header (SOF)");
  if (++facts_.scans > kMaxScans) {
    refuse(FormatKind::kTooLarge, fmt::format("more than {} scans", kMaxScans));
  }
  const size_t count = segment_.empty() ? 0 : static_cast<size_t>(byte(0));
  if (count < 1 || count > static_cast<size_t>(facts_.components) ||
      segment_.size() != 4 + 2 * count) {
    refuse_header(fmt::format("a scan header (SOS) of {} bytes", segment_.size()));
  }
  for (size_t i = 0; i < count; ++i) {
    const auto end = components_.begin() + facts_.components;
    const auto component = std::find_if(
        components_.begin(), end, [&](const Component& c) { return c.id == byte(1 + 2 * i); });
    if (component == end) {
      refuse_header(fmt::format("a scan of component {}, which does not exist", byte(1 + 2 * i)));
    }
    if (!has_quantiser_[static_cast<size_t>(component->quantiser)]) {
      refuse_header(fmt::format("quantiser {} does not exist", component->quantiser));
    }
    component->scanned = true;
    check_scan_range(byte(2 + 2 * i) >> 4, byte(2 + 2 * i) & 15);
  }
}

// The coefficients first..last of a scan, and the Huffman tables that it needs for them.
void JpegCheck::check_scan_range(int dc_table, int ac_table) const {
  if (dc_table >= kMaxTables || ac_table >= kMaxTables) {
    refuse_header(fmt::format("a scan asks for Huffman tables {} and {}", dc_table, ac_table));
  }
  const size_t tail = segment_.size() - 3;
  const int first = byte(tail);
  const int last = byte(tail + 1);
  const int high = byte(tail + 2) >> 4;
  const int low = byte(tail + 2) & 15;
  bool needs_dc = true;
  bool needs_ac = true;
  if (facts_.progressive) {
    const bool dc_scan = first == 0;
    if (first > last || last > kLastCoefficient || (dc_scan && last != 0) ||
        (!dc_scan && byte(0) != 1) || high > kMaxSuccessiveBits || low > kMaxSuccessiveBits) {
      refuse_header(
          fmt::format("a scan of coefficients {} to {}, bits {} and {}", first, last, high, low));
    }
    needs_dc = dc_scan && high == 0;  // refinements of DC are plain bits
    needs_ac = !dc_scan;
  } else if (first != 0 || high != 0 || low != 0) {
    refuse_header(fmt::format("a scan from coefficient {} in a sequential image", first));
  }
  if ((needs_dc && !has_dc_[static_cast<size_t>(dc_table)]) ||
      (needs_ac && !has_ac_[static_cast<size_t>(ac_table)])) {
    refuse_header(fmt::format("a scan uses Huffman tables {} and {}, which do not exist", dc_table,
                              ac_table));
  }
}

// Leaves at_ at the marker after the compressed samples.
void JpegCheck::skip_samples() {
  for (;;) {
    const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
    at_ = static_cast<size_t>(std::find(from, bytes_.end(), std::byte{0xff}) - bytes_.begin());
    size_t code = at_;
    while (code < bytes_.size() && bytes_[code] == std::byte{0xff}) ++code;
    if (code >= bytes_.size()) refuse_end();
    const auto marker = static_cast<uint8_t>(bytes_[code]);
    if (marker != kStuffedZero && !(marker >= kRst0 && marker <= kRst7)) return;
    at_ = code + 1;
  }
}

}  // namespace

bool is_jpeg(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0xff} && bytes[1] == std::byte{kSoi};
}

JpegFacts check_jpeg(std::span<const std::byte> bytes, std::string_view path) {
  if (!is_jpeg(bytes)) throw FormatError(FormatKind::kBadMagic, path, 0, "not a JPEG file");
  return JpegCheck(bytes, path).run();
}

}  // namespace vitrine
