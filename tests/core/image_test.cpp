// Decoders against the golden images (PNG bit for bit, JPEG within the manifest's tolerance, which
// bounds the largest and the mean difference to libjpeg), the malformed files, every prefix and
// many changed bytes of small files; the PNG writer by a round trip; orientations by hand. Out of
// scope: formats other than PNG and JPEG, which are refused.

#include "core/image.hpp"

#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "core/error.hpp"
#include "core/exif.hpp"
#include "core/file.hpp"
#include "core/jpeg_check.hpp"
#include "core/picture_file.hpp"
#include "core/png_check.hpp"
#include "core/safetensors.hpp"
#include "tests/bad_files.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

using Bytes = std::vector<std::byte>;

constexpr int64_t kFileLimit = 1 << 24;

void append_be32(Bytes& bytes, uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) {
    bytes.push_back(static_cast<std::byte>((value >> shift) & 0xff));
  }
}

void append_chunk(Bytes& png, const std::string& type, const Bytes& payload) {
  append_be32(png, static_cast<uint32_t>(payload.size()));
  const size_t start = png.size();
  for (const char c : type) png.push_back(static_cast<std::byte>(c));
  png.insert(png.end(), payload.begin(), payload.end());
  append_be32(png, static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(&png[start]),
                                                 4 + payload.size())));
}

// A PNG of one filterless image from raw rows (each with its filter byte).
Bytes png_file(uint32_t width, uint32_t height, int depth, int colour, const Bytes& rows,
               const Bytes& palette = {}) {
  Bytes png;
  for (const char c : std::string("\x89PNG\r\n\x1a\n")) png.push_back(static_cast<std::byte>(c));
  Bytes header;
  append_be32(header, width);
  append_be32(header, height);
  for (const int field : {depth, colour, 0, 0, 0}) header.push_back(static_cast<std::byte>(field));
  append_chunk(png, "IHDR", header);
  if (!palette.empty()) append_chunk(png, "PLTE", palette);
  uLongf size = compressBound(rows.size());
  Bytes packed(size);
  REQUIRE(compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                    reinterpret_cast<const Bytef*>(rows.data()), rows.size(), 9) == Z_OK);
  packed.resize(size);
  append_chunk(png, "IDAT", packed);
  append_chunk(png, "IEND", {});
  return png;
}

Bytes to_bytes(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

Image noise(int64_t width, int64_t height, int channels) {
  Image image = {width, height, channels, {}};
  uint32_t state = 1;
  for (int64_t i = 0; i < width * height * channels; ++i) {
    state = state * 1664525 + 1013904223;
    image.pixels.push_back(static_cast<uint8_t>(state >> 24));
  }
  return image;
}

// Checks an image against an (H, W, 3) array of bytes.
void check_close(const Image& got, const RawTensor& want, double max_abs, double mean_abs) {
  REQUIRE(want.shape == std::vector<int64_t>{got.height, got.width, 3});
  REQUIRE(got.pixels.size() == want.bytes.size());
  int largest = 0;
  double sum = 0;
  for (size_t i = 0; i < got.pixels.size(); ++i) {
    const int difference = std::abs(got.pixels[i] - std::to_integer<int>(want.bytes[i]));
    largest = std::max(largest, difference);
    sum += difference;
  }
  CHECK(largest <= max_abs);
  CHECK(sum / static_cast<double>(got.pixels.size()) <= mean_abs);
}

std::optional<FormatKind> kind_of(std::span<const std::byte> bytes) {
  try {
    decode_image(bytes, 3, "x");
  } catch (const FormatError& error) {
    return error.kind();
  }
  return std::nullopt;
}

// Where a JPEG's frame header starts: its marker, length, precision, height, width, ...
size_t find_frame(const Bytes& jpeg) {
  for (size_t i = 2; i + 1 < jpeg.size(); ++i) {
    if (jpeg[i] == std::byte{0xff} && (jpeg[i + 1] | std::byte{2}) == std::byte{0xc2}) return i;
  }
  FAIL("no frame header");
  return 0;
}

std::optional<Bytes> golden_image(const std::string& name) {
  const auto path = golden_dir() / "preprocess" / "images" / name;
  if (!std::filesystem::exists(path)) {
    WARN("skipped: there is no " << path);
    return std::nullopt;
  }
  return read_file(path, kFileLimit);
}

}  // namespace

TEST_CASE("golden images decode as Pillow decodes them", "[image][golden]") {
  const auto manifest = golden_manifest("preprocess");
  if (!manifest) return;
  const auto folder = golden_dir() / "preprocess";
  const SafetensorsFile arrays(folder / manifest->at("file").get<std::string>());
  for (const auto& facts : manifest->at("cases")) {
    CAPTURE(facts.at("id").get<std::string>());
    const Bytes bytes = read_file(folder / facts.at("file").get<std::string>(), kFileLimit);
    const Image image = decode_image(bytes, 3, "x");
    const double max_abs = facts.at("decode_tolerance").at("max_abs");
    const double mean_abs = facts.at("decode_tolerance").at("mean_abs");
    check_close(image, *arrays.find(facts.at("decoded").get<std::string>()), max_abs, mean_abs);
    CHECK(exif_orientation(bytes) == facts.at("exif_orientation").get<int>());
    if (facts.contains("decoded_upright")) {
      check_close(apply_orientation(image, exif_orientation(bytes)),
                  *arrays.find(facts.at("decoded_upright").get<std::string>()), max_abs, mean_abs);
    }
    const Image grey = decode_image(bytes, 1, "x");
    REQUIRE(grey.pixels.size() * 3 == image.pixels.size());
    for (size_t i = 0; i < grey.pixels.size(); ++i) {
      const uint8_t* p = &image.pixels[3 * i];
      if (std::abs(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] - grey.pixels[i]) > 0.51) {
        FAIL("grey pixel " << i);
      }
    }
  }
}

TEST_CASE("malformed PNG files get their verdict", "[image][golden][errors]") {
  check_bad_files("png", [](const BadCase& bad) {
    const Image image = read_picture(bad.path(), 3, true);
    if (!bad.facts.contains("size")) return;
    CHECK(image.width == bad.facts.at("size").at(0));
    CHECK(image.height == bad.facts.at("size").at(1));
  });
}

TEST_CASE("malformed JPEG files get their verdict", "[image][golden][errors]") {
  check_bad_files("jpeg", [](const BadCase& bad) { read_picture(bad.path(), 3, true); });
}

TEST_CASE("a written PNG reads back the same", "[image]") {
  const TempDir dir;
  for (const int channels : {1, 3}) {
    for (const auto& [width, height] : {std::pair{1, 1}, {7, 3}, {64, 65}, {300, 2}}) {
      const Image image = noise(width, height, channels);
      write_png(dir.file("a.png"), image);
      const Image got = read_picture(dir.file("a.png"), channels, true);
      CHECK(got.width == width);
      CHECK(got.height == height);
      CHECK(got.channels == channels);
      CHECK(got.pixels == image.pixels);
      const PngFacts facts = check_png(read_file(dir.file("a.png"), kFileLimit), "a");
      CHECK(facts.colour_type == (channels == 1 ? 0 : 2));
    }
  }
  CHECK(dir.names() == std::set<std::string>{"a.png"});
}

TEST_CASE("the PNG writer refuses images that are not", "[image][errors]") {
  const TempDir dir;
  const std::string path = dir.file("a.png");
  CHECK_THROWS_AS(write_png(path, Image{}), ShapeError);
  CHECK_THROWS_AS(write_png(path, Image{2, 2, 3, std::vector<uint8_t>(11)}), ShapeError);
  CHECK_THROWS_AS(write_png(path, Image{2, 1, 4, std::vector<uint8_t>(8)}), ShapeError);
  CHECK(dir.names().empty());
  CHECK_THROWS_WITH(write_png("/dev/full", noise(2, 2, 3)),
                    "/dev/full: cannot write: No space left on device");
}

TEST_CASE("grey becomes RGB and RGB becomes grey", "[image]") {
  const Bytes grey = png_file(2, 1, 8, 0, to_bytes({0, 10, 200}));
  CHECK(decode_image(grey, 1, "x").pixels == std::vector<uint8_t>{10, 200});
  CHECK(decode_image(grey, 3, "x").pixels == std::vector<uint8_t>{10, 10, 10, 200, 200, 200});
  const Bytes rgb = png_file(2, 1, 8, 2, to_bytes({0, 255, 0, 0, 10, 20, 30}));
  CHECK(decode_image(rgb, 1, "x").pixels == std::vector<uint8_t>{76, 18});
  CHECK_THROWS_AS(decode_image(rgb, 4, "x"), ShapeError);
}

TEST_CASE("palette entries that a file does not have are black", "[image]") {
  const Bytes png = png_file(3, 1, 8, 3, to_bytes({0, 0, 1, 255}), to_bytes({1, 2, 3, 4, 5, 6}));
  CHECK(decode_image(png, 3, "x").pixels == std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 0, 0, 0});
}

TEST_CASE("PNG structure is checked before pixels", "[image][errors]") {
  const Bytes rows = to_bytes({0, 1, 2, 3});
  CHECK(!kind_of(png_file(1, 1, 8, 2, rows)));
  CHECK(kind_of(png_file(1, 2, 8, 2, rows)) == FormatKind::kTruncated);  // a row is missing
  CHECK(!kind_of(png_file(1, 1, 8, 2, Bytes(100))));                     // a little surplus
  CHECK(kind_of(png_file(1, 1, 8, 2, Bytes(1 << 20))) == FormatKind::kTooLarge);
  CHECK(kind_of(png_file(1, 1, 8, 2, to_bytes({5, 1, 2, 3}))) == FormatKind::kCorrupt);  // filter 5
  CHECK(kind_of(png_file(1, 1, 4, 2, rows)) == FormatKind::kBadHeader);
  CHECK(kind_of(png_file(20000, 20000, 8, 0, rows)) == FormatKind::kTooLarge);
  CHECK(kind_of(png_file(1u << 25, 1, 8, 0, rows)) == FormatKind::kTooLarge);
  CHECK(kind_of(png_file(13000, 13000, 8, 2, rows)) == FormatKind::kTruncated);
  Bytes damaged = png_file(1, 1, 8, 2, rows);
  damaged[20] ^= std::byte{1};
  CHECK(kind_of(damaged) == FormatKind::kCorrupt);
}

TEST_CASE("no prefix of a PNG is one", "[image][errors]") {
  const TempDir dir;
  write_png(dir.file("a.png"), noise(5, 4, 3));
  const Bytes png = read_file(dir.file("a.png"), kFileLimit);
  for (size_t size = 0; size < png.size(); ++size) {
    CHECK(kind_of(std::span(png).first(size)) == FormatKind::kTruncated);
  }
}

TEST_CASE("no prefix of a JPEG is one, and changed bytes do no harm", "[image][errors]") {
  for (const char* name : {"small_422_restart.jpg", "exif_flip4.jpg", "gray.jpg"}) {
    const auto file = golden_image(name);
    if (!file) return;
    for (size_t size = 2; size < file->size(); ++size) {
      CHECK(kind_of(std::span(*file).first(size)) == FormatKind::kTruncated);
    }
    Bytes jpeg = *file;
    for (size_t i = 2; i < std::min<size_t>(jpeg.size(), 700); ++i) {
      const std::byte original = jpeg[i];
      for (const int changed : {0x00, 0x11, 0xff}) {
        jpeg[i] = static_cast<std::byte>(changed);
        kind_of(jpeg);
      }
      jpeg[i] = original;
    }
    CHECK(!kind_of(jpeg));
  }
}

TEST_CASE("a JPEG cannot declare more than its bytes can hold", "[image][errors]") {
  auto jpeg = golden_image("gray.jpg");
  if (!jpeg) return;
  const size_t frame = find_frame(*jpeg);
  const auto set_side = [&](size_t at, int value) {
    (*jpeg)[at] = static_cast<std::byte>(value >> 8);
    (*jpeg)[at + 1] = static_cast<std::byte>(value & 0xff);
  };
  set_side(frame + 5, 12000);
  set_side(frame + 7, 12000);
  CHECK(kind_of(*jpeg) == FormatKind::kTruncated);
  set_side(frame + 5, 65500);
  set_side(frame + 7, 65500);
  CHECK(kind_of(*jpeg) == FormatKind::kTooLarge);
}

TEST_CASE("JPEG features that are not decoded are said", "[image][errors]") {
  auto jpeg = golden_image("gray.jpg");
  if (!jpeg) return;
  const size_t frame = find_frame(*jpeg);
  (*jpeg)[frame + 4] = std::byte{12};
  CHECK(kind_of(*jpeg) == FormatKind::kUnsupported);
  (*jpeg)[frame + 4] = std::byte{8};
  for (const int process : {0xc3, 0xc5, 0xc9, 0xca}) {  // lossless, hierarchical, arithmetic
    (*jpeg)[frame + 1] = static_cast<std::byte>(process);
    CHECK(kind_of(*jpeg) == FormatKind::kUnsupported);
  }
  const auto cmyk = golden_image("cmyk.jpg");
  if (!cmyk) return;
  CHECK(check_jpeg(*cmyk, "x").components == 4);
  Bytes unmarked = *cmyk;
  const std::string adobe = "Adobe";
  const auto at = std::search(unmarked.begin(), unmarked.end(), adobe.begin(), adobe.end(),
                              [](std::byte a, char b) { return a == static_cast<std::byte>(b); });
  REQUIRE(at != unmarked.end());
  *at = std::byte{'x'};
  CHECK(kind_of(unmarked) == FormatKind::kUnsupported);
}

TEST_CASE("every orientation puts the corner where the standard says", "[image]") {
  // 1 2 3
  // 4 5 6
  const Image stored = {3, 2, 1, {1, 2, 3, 4, 5, 6}};
  const std::vector<std::vector<uint8_t>> upright = {
      {1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
      {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    CAPTURE(orientation);
    const Image got = apply_orientation(stored, orientation);
    CHECK(got.pixels == upright[static_cast<size_t>(orientation - 1)]);
    CHECK(got.width == (orientation < 5 ? 3 : 2));
    CHECK(got.height == (orientation < 5 ? 2 : 3));
  }
  CHECK_THROWS_AS(apply_orientation(stored, 0), UsageError);
  CHECK_THROWS_AS(apply_orientation(stored, 9), UsageError);
}

TEST_CASE("an orientation that cannot be read is upright", "[image]") {
  // II, one directory entry: tag 274, type short, count 1, value.
  const auto png_with = [](const Bytes& tiff) {
    Bytes png = png_file(1, 1, 8, 0, to_bytes({0, 9}));
    const Bytes tail(png.end() - 12, png.end());
    png.resize(png.size() - 12);
    append_chunk(png, "eXIf", tiff);
    png.insert(png.end(), tail.begin(), tail.end());
    return png;
  };
  const Bytes good = to_bytes(
      {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0});
  CHECK(exif_orientation(png_with(good)) == 6);
  CHECK(!kind_of(png_with(good)));
  const Bytes big = to_bytes(
      {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0});
  CHECK(exif_orientation(png_with(big)) == 8);
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes changed = good;
    changed[i] = std::byte{0xff};
    const int orientation = exif_orientation(png_with(changed));
    CHECK((orientation == 1 || orientation == 6));
    CHECK(exif_orientation(png_with({good.begin(), good.begin() + static_cast<int>(i)})) ==
          (i < 22 ? 1 : 6));
  }
  CHECK(exif_orientation({}) == 1);
}
