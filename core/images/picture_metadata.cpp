#include "core/images/picture_metadata.hpp"

#include <zlib.h>

#include <optional>
#include <string_view>

#include "core/formats/bytes.hpp"
#include "core/images/picture_kind.hpp"
#include "core/images/png_check.hpp"

namespace vitrine {
namespace {

constexpr std::string_view kExifHeader("Exif\0\0", 6);
constexpr std::string_view kXmpHeader("http://ns.adobe.com/xap/1.0/\0", 29);

// Of one text, and of all in a file: what looks at an orientation need not read books.
constexpr size_t kMaxText = size_t{1} << 20;
constexpr size_t kMaxTexts = 4 * kMaxText;

using Bytes = std::span<const std::byte>;

std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view without_exif_headers(std::string_view exif) {
  while (exif.starts_with(kExifHeader)) exif.remove_prefix(kExifHeader.size());
  return exif;
}

// --- JPEG ----------------------------------------------------------------------------------------

PictureMetadata of_jpeg(Bytes bytes) {
  constexpr uint8_t kTem = 0x01, kRst0 = 0xd0, kSoi = 0xd8, kEoi = 0xd9, kSos = 0xda, kApp1 = 0xe1;
  PictureMetadata found;
  size_t at = 2;
  while (at + 1 < bytes.size()) {
    const auto marker = static_cast<uint8_t>(bytes[at + 1]);
    if (bytes[at] != std::byte{0xff} || marker == 0x00 || marker == 0xff) {  // junk, padding
      ++at;
      continue;
    }
    at += 2;
    if (marker == kTem || (marker >= kRst0 && marker <= kSoi)) continue;
    if (marker == kSos || marker == kEoi) break;  // the picture starts: no EXIF follows
    if (at + 2 > bytes.size()) break;
    const size_t length = load_be16(&bytes[at]);
    if (length < 2 || length > bytes.size() - at) break;
    const std::string_view payload = as_text(bytes.subspan(at + 2, length - 2));
    at += length;
    if (marker != kApp1) continue;
    if (payload.starts_with(kExifHeader)) {
      // The second segment goes on where the first one ended.
      const bool first = found.exif.empty();
      found.exif += first ? without_exif_headers(payload) : payload.substr(kExifHeader.size());
    } else if (payload.starts_with(kXmpHeader)) {
      found.xmp = payload.substr(kXmpHeader.size());
    }
  }
  return found;
}

// --- PNG -----------------------------------------------------------------------------------------

std::optional<std::string> unpack(std::string_view packed) {
  std::string text(kMaxText, '\0');
  uLongf size = text.size();
  if (uncompress(reinterpret_cast<Bytef*>(text.data()), &size,
                 reinterpret_cast<const Bytef*>(packed.data()), packed.size()) != Z_OK) {
    return std::nullopt;
  }
  text.resize(size);
  return text;
}

// Takes what stands before the next zero byte; nothing if there is none.
std::optional<std::string_view> take_field(std::string_view& text) {
  const size_t end = text.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end + 1);
  return field;
}

bool is_wanted(std::string_view keyword) {
  return keyword == "Raw profile type exif" || keyword == "Raw profile type APP1" ||
         keyword == "XML:com.adobe.xmp";
}

struct Text {
  std::string_view keyword;
  std::string value;
};

// The text of a chunk, if it is one that is looked for and can be read.
std::optional<Text> text_of(std::string_view type, std::string_view chunk) {
  const auto keyword = take_field(chunk);
  if (!keyword || !is_wanted(*keyword)) return std::nullopt;
  bool packed = type == "zTXt";
  if (type == "iTXt") {
    if (chunk.size() < 2) return std::nullopt;
    packed = chunk[0] != '\0';
    const bool deflate = chunk[1] == '\0';
    chunk.remove_prefix(2);
    // The language, and the keyword in it.
    if ((packed && !deflate) || !take_field(chunk) || !take_field(chunk)) return std::nullopt;
  } else if (packed) {
    if (chunk.empty() || chunk[0] != '\0') return std::nullopt;
    chunk.remove_prefix(1);
  }
  if (!packed) return Text{*keyword, std::string(chunk.substr(0, kMaxText))};
  auto value = unpack(chunk);
  if (!value) return std::nullopt;
  return Text{*keyword, std::move(*value)};
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "\nexif\n    1234\n457869660000..., in lines": the name, the number of bytes, the bytes.
std::string bytes_of_profile(std::string_view text) {
  for (int line = 0; line < 3; ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::string bytes;
  int high = -1;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
    const int digit = digit_of(c);
    if (digit < 0) break;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<char>(16 * high + digit));
      high = -1;
    }
  }
  return bytes;
}

PictureMetadata of_png(Bytes bytes) {
  constexpr size_t kChunkFrame = 12;  // length, type, checksum
  PictureMetadata found;
  std::string profile;
  std::string app1;
  size_t texts = 0;
  for (size_t at = 8; bytes.size() - at >= kChunkFrame;) {
    const size_t length = load_be32(&bytes[at]);
    if (length > bytes.size() - at - kChunkFrame) break;
    const std::string_view type = as_text(bytes.subspan(at + 4, 4));
    const std::string_view payload = as_text(bytes.subspan(at + 8, length));
    at += kChunkFrame + length;
    if (type == "IEND") break;
    if (type == "eXIf") {
      found.exif = without_exif_headers(payload);
    } else if ((type == "tEXt" || type == "zTXt" || type == "iTXt") && texts < kMaxTexts) {
      const auto text = text_of(type, payload);
      if (!text) continue;
      texts += kMaxText;  // whatever it was, it may have cost that much
      if (text->keyword == "XML:com.adobe.xmp") {
        found.xmp = text->value;
      } else {
        (text->keyword.ends_with("exif") ? profile : app1) = bytes_of_profile(text->value);
      }
    }
  }
  if (app1.starts_with(kXmpHeader)) {
    if (found.xmp.empty()) found.xmp = app1.substr(kXmpHeader.size());
  } else if (profile.empty()) {
    profile = std::move(app1);
  }
  if (found.exif.empty()) found.exif = without_exif_headers(profile);
  return found;
}

}  // namespace

PictureMetadata picture_metadata(std::span<const std::byte> bytes) {
  if (is_jpeg(bytes)) return of_jpeg(bytes);
  if (is_png(bytes)) return of_png(bytes);
  return {};
}

}  // namespace vitrine
