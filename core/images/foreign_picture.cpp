#include "core/images/foreign_picture.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "core/formats/bytes.hpp"

namespace vitrine {
namespace {

constexpr std::string_view kConvert =
    "convert it to PNG or JPEG, for example with ImageMagick: convert IN OUT.png";
constexpr std::string_view kConvertFirst =
    "convert it to PNG or JPEG, for example with ImageMagick: convert 'IN[0]' OUT.png";
constexpr std::string_view kConvertHeif =
    "convert it to PNG or JPEG, for example with heif-convert (libheif-examples): heif-convert IN "
    "OUT.png";
constexpr std::string_view kDownload = "download the picture itself";
constexpr std::string_view kPull = "fetch the pictures with git lfs pull";

// With the length that literals with zero bytes do not show.
template <size_t N>
constexpr std::string_view literal(const char (&text)[N]) {
  return {text, N - 1};
}

struct Signature {
  std::string_view start;
  size_t more_at;
  std::string_view more;
  ForeignPicture picture;
};

// The first that fits. ISO's containers: a box of type 'ftyp' whose first brand says what it is.
constexpr std::array kSignatures = {
    Signature{"RIFF", 8, "WEBP", {"WebP", kConvert}},
    Signature{"GIF8", 0, "", {"GIF", kConvertFirst}},
    Signature{literal("II\x2a\0"), 0, "", {"TIFF (or a camera's raw data)", kConvertFirst}},
    Signature{literal("MM\0\x2a"), 0, "", {"TIFF (or a camera's raw data)", kConvertFirst}},
    Signature{literal("II\x2b\0"), 0, "", {"TIFF", kConvertFirst}},
    Signature{literal("MM\0\x2b"), 0, "", {"TIFF", kConvertFirst}},
    Signature{"", 4, "ftypavi", {"AVIF", kConvertHeif}},
    Signature{"", 4, "ftyphe", {"HEIC", kConvertHeif}},
    Signature{"", 4, "ftypmif1", {"HEIC", kConvertHeif}},
    Signature{"", 4, "ftypmsf1", {"HEIC", kConvertHeif}},
    Signature{"\xff\x0a", 0, "", {"JPEG XL", kConvert}},
    Signature{literal("\0\0\0\x0cJXL "), 0, "", {"JPEG XL", kConvert}},
    Signature{literal("\0\0\0\x0cjP  "), 0, "", {"JPEG 2000", kConvert}},
    Signature{"\xff\x4f\xff\x51", 0, "", {"JPEG 2000", kConvert}},
    Signature{"8BPS", 0, "", {"PSD (Photoshop)", kConvertFirst}},
    Signature{"%PDF", 0, "", {"PDF", kConvertFirst}},
    Signature{literal("\0\0\1\0"), 0, "", {"ICO", kConvertFirst}},
    Signature{"version https://git-lfs", 0, "", {"a pointer of Git LFS", kPull}},
};

bool is_bmp(std::span<const std::byte> bytes) {
  // Two letters are too few: the header behind the file's own has one of these sizes.
  constexpr std::array<uint32_t, 7> kHeaders = {12, 40, 52, 56, 64, 108, 124};
  return bytes.size() >= 18 && std::ranges::count(kHeaders, load_le32(&bytes[14])) > 0;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_netpbm(std::string_view text) {
  return text.size() >= 3 && text[1] >= '1' && text[1] <= '7' && is_space(text[2]);
}

// Of text: its first tag, in small letters, behind a byte order mark, space and comments.
std::optional<ForeignPicture> markup(std::string_view text) {
  constexpr size_t kLooked = 1024;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  text = text.substr(0, kLooked);
  text.remove_prefix(static_cast<size_t>(std::ranges::find_if_not(text, is_space) - text.begin()));
  if (!text.starts_with('<')) return std::nullopt;
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (small.find("<svg") != std::string::npos) return ForeignPicture{"SVG", kConvert};
  if (small.starts_with("<!doctype html") || small.find("<html") != std::string::npos) {
    return ForeignPicture{"a page of HTML", kDownload};
  }
  return std::nullopt;
}

}  // namespace

std::optional<ForeignPicture> foreign_picture(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Signature& s : kSignatures) {
    if (!text.starts_with(s.start)) continue;
    if (text.size() >= s.more_at && text.substr(s.more_at).starts_with(s.more)) return s.picture;
  }
  if (text.starts_with("BM") && is_bmp(bytes)) return ForeignPicture{"BMP", kConvert};
  if (text.starts_with("P") && is_netpbm(text)) return ForeignPicture{"Netpbm", kConvert};
  return markup(text);
}

}  // namespace vitrine
