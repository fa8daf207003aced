// Decoders against the golden images (PNG bit for bit, JPEG within the manifest's tolerance, which
// bounds the largest and the mean difference to libjpeg); PNG: the malformed files, every prefix,
// chunks that do not matter; the PNG writer by a round trip; files of other formats, which are
// named. JPEG is in jpeg_test.cpp, orientations are in exif_test.cpp.

#include "core/images/image.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/safetensors.hpp"
#include "core/images/exif.hpp"
#include "core/images/foreign_picture.hpp"
#include "core/images/png_check.hpp"
#include "tests/bad_files.hpp"
#include "tests/picture_bytes.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

constexpr int64_t kFileLimit = 1 << 24;

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

}  // namespace

TEST_CASE("golden images decode as Pillow decodes them", "[image][golden]") {
  const auto manifest = golden_manifest("preprocess");
  if (!manifest) return;
  const auto folder = golden_dir() / "preprocess";
  const SafetensorsFile arrays(folder / manifest->at("file").get<std::string>());
  for (const auto& facts : manifest->at("cases")) {
    CAPTURE(facts.at("id").get<std::string>());
    const Bytes bytes = read_file(folder / facts.at("file").get<std::string>(), kFileLimit);
    const Image image = decode_image(bytes, 3, "x", Exif::kAsStored);
    const double max_abs = facts.at("decode_tolerance").at("max_abs");
    const double mean_abs = facts.at("decode_tolerance").at("mean_abs");
    check_close(image, *arrays.find(facts.at("decoded").get<std::string>()), max_abs, mean_abs);
    CHECK(exif_orientation(bytes) == facts.at("exif_orientation").get<int>());
    if (facts.contains("decoded_upright")) {
      check_close(apply_orientation(image, exif_orientation(bytes)),
                  *arrays.find(facts.at("decoded_upright").get<std::string>()), max_abs, mean_abs);
    }
    const Image grey = decode_image(bytes, 1, "x", Exif::kAsStored);
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
    const Image image = read_image(bad.path(), 3, Exif::kUpright);
    if (!bad.facts.contains("size")) return;
    CHECK(image.width == bad.facts.at("size").at(0));
    CHECK(image.height == bad.facts.at("size").at(1));
  });
}

TEST_CASE("a written PNG reads back the same", "[image]") {
  const TempDir dir;
  for (const int channels : {1, 3}) {
    for (const auto& [width, height] : {std::pair{1, 1}, {7, 3}, {64, 65}, {300, 2}}) {
      const Image image = noise(width, height, channels);
      write_png(dir.file("a.png"), image);
      const Image got = read_image(dir.file("a.png"), channels, Exif::kUpright);
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
  CHECK(decode_image(grey, 1, "x", Exif::kAsStored).pixels == std::vector<uint8_t>{10, 200});
  CHECK(decode_image(grey, 3, "x", Exif::kAsStored).pixels ==
        std::vector<uint8_t>{10, 10, 10, 200, 200, 200});
  const Bytes rgb = png_file(2, 1, 8, 2, to_bytes({0, 255, 0, 0, 10, 20, 30}));
  CHECK(decode_image(rgb, 1, "x", Exif::kAsStored).pixels == std::vector<uint8_t>{76, 18});
  CHECK_THROWS_AS(decode_image(rgb, 4, "x", Exif::kAsStored), UsageError);
}

TEST_CASE("palette entries that a file does not have are black", "[image]") {
  const Bytes png = png_file(3, 1, 8, 3, to_bytes({0, 0, 1, 255}), to_bytes({1, 2, 3, 4, 5, 6}));
  CHECK(decode_image(png, 3, "x", Exif::kAsStored).pixels ==
        std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 0, 0, 0});
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

TEST_CASE("a small PNG has no more pixels than a small multiple of its bytes", "[image][errors]") {
  const auto palette = to_bytes({1, 2, 3});
  const auto flat = [&](uint32_t side, int depth, int type) {
    const int samples = type == 2 ? 3 : 1;
    const size_t row = 1 + (size_t{side} * static_cast<size_t>(samples * depth) + 7) / 8;
    return png_file(side, side, depth, type, Bytes(row * side), type == 3 ? palette : Bytes());
  };
  // A bit for a pixel: deflate packs eight thousand of them into a byte.
  CHECK(kind_of(flat(13000, 1, 3)) == FormatKind::kTooLarge);
  CHECK(kind_of(flat(13000, 1, 0)) == FormatKind::kTooLarge);
  // A page in black and white, empty; colours, as far as deflate goes.
  CHECK(!kind_of(flat(3000, 1, 0)));
  CHECK(!kind_of(flat(2000, 1, 3)));
  CHECK(!kind_of(flat(3000, 8, 2)));
}

TEST_CASE("what does not begin like a picture is not read", "[image][errors]") {
  const TempDir dir;
  const std::string path = dir.add("a.png", "no picture");
  std::filesystem::resize_file(path, uintmax_t{kMaxImageFileBytes});
  CHECK_THROWS_WITH(read_image(path, 3, Exif::kUpright),
                    Catch::Contains("neither a PNG nor a JPEG"));
  CHECK_THROWS_WITH(read_image(dir.add("empty.png", ""), 3, Exif::kUpright),
                    Catch::Contains("empty"));
  CHECK_THROWS_AS(read_image("/dev/zero", 3, Exif::kUpright), IoError);
}

TEST_CASE("a PNG is one as soon as its picture is whole", "[image][errors]") {
  const TempDir dir;
  write_png(dir.file("a.png"), noise(5, 4, 3));
  const Bytes png = read_file(dir.file("a.png"), kFileLimit);
  const Image whole = decode_image(png, 3, "x", Exif::kAsStored);
  // IEND, the checksum of IDAT, that of zlib's stream, and the code that ends it are behind them.
  constexpr size_t kBehind = 12 + 4 + 4;
  constexpr size_t kCode = 1;
  for (size_t size = 0; size < png.size(); ++size) {
    CAPTURE(size, png.size());
    const auto part = std::span(png).first(size);
    if (size < png.size() - kBehind - kCode) {
      CHECK(kind_of(part) == FormatKind::kTruncated);
    } else if (size >= png.size() - kBehind) {
      CHECK(decode_image(part, 3, "x", Exif::kAsStored).pixels == whole.pixels);
    }
  }
  // A last chunk that says it is longer.
  Bytes cut = png_file(1, 1, 8, 0, to_bytes({0, 9}));
  cut[33] = std::byte{0x7f};
  CHECK(decode_image(cut, 1, "x", Exif::kAsStored).pixels == std::vector<uint8_t>{9});
  cut[33] = std::byte{0x80};  // no length at all
  CHECK(kind_of(cut) == FormatKind::kBadHeader);
}

TEST_CASE("chunks of a PNG that do not matter are not looked at", "[image]") {
  const Chunk transparency{"tRNS", to_bytes({0, 0, 0, 0, 0, 0})};
  for (const Chunk& chunk : {transparency, Chunk{"tRNS", {}}, Chunk{"tRNS", Bytes(1000)},
                             Chunk{"gAMA", to_bytes({1})}, Chunk{"prVt", Bytes(3)}}) {
    CAPTURE(chunk.type, chunk.payload.size());
    // RGB + alpha, grey + alpha; a palette behind the chunk; RGB and grey, where it belongs.
    CHECK(decode_image(png_file(1, 1, 8, 6, to_bytes({0, 7, 8, 9, 10}), {}, {chunk}), 3, "x",
                       Exif::kAsStored)
              .pixels == std::vector<uint8_t>{7, 8, 9});
    CHECK(decode_image(png_file(1, 1, 8, 4, to_bytes({0, 7, 8}), {}, {chunk}), 1, "x",
                       Exif::kAsStored)
              .pixels == std::vector<uint8_t>{7});
    CHECK(
        decode_image(png_file(1, 1, 8, 3, to_bytes({0, 1}), to_bytes({1, 2, 3, 4, 5, 6}), {chunk}),
                     3, "x", Exif::kAsStored)
            .pixels == std::vector<uint8_t>{4, 5, 6});
    CHECK(decode_image(png_file(1, 1, 8, 2, to_bytes({0, 0, 0, 0}), {}, {chunk}), 3, "x",
                       Exif::kAsStored)
              .pixels == std::vector<uint8_t>{0, 0, 0});
    CHECK(decode_image(png_file(1, 1, 8, 0, to_bytes({0, 5}), {}, {}, {chunk}), 1, "x",
                       Exif::kAsStored)
              .pixels == std::vector<uint8_t>{5});
  }
}

TEST_CASE("a file of another format is refused by its name", "[image][errors]") {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"WebP", std::string("RIFF\x24\0\0\0WEBPVP8 ", 16)},
      {"GIF", "GIF89a"},
      {"BMP", std::string("BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", 18)},
      {"TIFF", std::string("II\x2a\0\x08\0\0\0", 8)},
      {"TIFF", std::string("MM\0\x2a\0\0\0\x08", 8)},
      {"HEIC", std::string("\0\0\0\x18"
                           "ftypheic\0\0\0\0",
                           16)},
      {"HEIC", std::string("\0\0\0\x18"
                           "ftypmif1\0\0\0\0heic",
                           20)},
      {"AVIF", std::string("\0\0\0\x1c"
                           "ftypavif\0\0\0\0",
                           16)},
      {"JPEG XL", "\xff\x0a\x01"},
      {"JPEG XL", std::string("\0\0\0\x0cJXL \r\n\x87\n", 12)},
      {"JPEG 2000", std::string("\0\0\0\x0cjP  \r\n\x87\n", 12)},
      {"PSD", "8BPS"},
      {"PDF", "%PDF-1.7"},
      {"ICO", std::string("\0\0\1\0\1\0", 6)},
      {"Netpbm", "P6\n2 2\n255\n"},
      {"SVG", "\xef\xbb\xbf<?xml version='1.0'?>\n<SVG xmlns='http://www.w3.org/2000/svg'/>"},
      {"a page of HTML", "\n  <!DOCTYPE HTML><title>404</title>"},
      {"a page of HTML", "<html><body>not found</body></html>"},
      {"a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"}};
  for (const auto& [name, text] : files) {
    CAPTURE(name);
    CHECK_THROWS_WITH(
        decode_image(to_bytes(text), 3, "x", Exif::kAsStored),
        Catch::StartsWith("x: unsupported: neither a PNG nor a JPEG image but " + name) &&
            Catch::Contains("; "));
    // Every part of it, and text that only looks like it, is nothing that would be read.
    for (size_t size = 0; size < text.size(); ++size) {
      CHECK(kind_of(to_bytes(text.substr(0, size))).has_value());
    }
  }
  for (const char* text : {"BMW", "Picture 6", "RIFF....WAVE", "plain text", "<note/>", "P6"}) {
    CHECK(kind_of(to_bytes(text)) == FormatKind::kBadMagic);
  }
}
