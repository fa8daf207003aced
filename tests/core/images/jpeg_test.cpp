// JPEG: pixels equal to Pillow's for small files of every kind (tests/core/data), whole and damaged
// in ways that everybody reads; the golden malformed files; every prefix and many changed bytes;
// guards. What libjpeg-turbo itself computes is its own business.

#include "core/images/jpeg.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "core/images/image.hpp"
#include "tests/bad_files.hpp"
#include "tests/picture_bytes.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

// Where the next marker of a kind starts, its 0xff.
size_t find_marker(const Bytes& jpeg, int marker, size_t from = 2) {
  for (size_t i = from; i + 1 < jpeg.size(); ++i) {
    if (jpeg[i] == std::byte{0xff} && jpeg[i + 1] == static_cast<std::byte>(marker)) return i;
  }
  FAIL("no marker " << marker);
  return 0;
}

Bytes with(const Bytes& jpeg, size_t at, const Bytes& more) {
  Bytes result(jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(at));
  append(result, more);
  result.insert(result.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(at), jpeg.end());
  return result;
}

Bytes without_segments(const Bytes& jpeg, int marker) {
  Bytes result(jpeg.begin(), jpeg.begin() + 2);
  size_t at = 2;
  while (jpeg[at + 1] != std::byte{0xda}) {
    const size_t size =
        2 + 256 * std::to_integer<size_t>(jpeg[at + 2]) + std::to_integer<size_t>(jpeg[at + 3]);
    if (jpeg[at + 1] != static_cast<std::byte>(marker)) {
      result.insert(result.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(at),
                    jpeg.begin() + static_cast<std::ptrdiff_t>(at + size));
    }
    at += size;
  }
  result.insert(result.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(at), jpeg.end());
  return result;
}

std::vector<uint8_t> pixels_of(const Bytes& jpeg) {
  return decode_image(jpeg, 3, "x", Exif::kAsStored).pixels;
}

std::vector<uint8_t> wanted_pixels(const std::string& name) {
  return decode_image(test_picture(name + ".png"), 3, name, Exif::kAsStored).pixels;
}

}  // namespace

TEST_CASE("JPEGs of every kind have Pillow's pixels", "[image]") {
  for (const char* name : {"restart_420", "lost_interval", "edges_422", "tiny_422", "progressive",
                           "grey", "rgb", "cmyk_adobe", "cmyk", "ycck", "arithmetic"}) {
    CAPTURE(name);
    const Image got =
        decode_image(test_picture(std::string(name) + ".jpg"), 3, name, Exif::kAsStored);
    const Image want =
        decode_image(test_picture(std::string(name) + ".png"), 3, name, Exif::kAsStored);
    CHECK(got.width == want.width);
    CHECK(got.height == want.height);
    CHECK(got.pixels == want.pixels);
  }
  CHECK(decode_jpeg(test_picture("grey.jpg"), "x").channels == 1);
  CHECK(decode_jpeg(test_picture("cmyk.jpg"), "x").channels == 3);
}

TEST_CASE("a JPEG is read through what cameras and web servers add", "[image]") {
  const Bytes jpeg = test_picture("restart_420.jpg");
  const auto want = wanted_pixels("restart_420");
  const size_t scan = find_marker(jpeg, 0xda);
  const size_t restart = find_marker(jpeg, 0xd1, scan);
  const size_t end = jpeg.size() - 2;
  const Bytes junk = to_bytes({0x12, 0x34, 0x00, 0x56});
  // Frames of a webcam: the standard's tables are meant.
  CHECK(without_segments(jpeg, 0xc4).size() < jpeg.size() - 400);
  CHECK(pixels_of(without_segments(jpeg, 0xc4)) == want);
  for (const int marker : {0xdb, 0xc0, 0xc4, 0xda}) {  // between segments
    CHECK(pixels_of(with(jpeg, find_marker(jpeg, marker), junk)) == want);
    CHECK(pixels_of(with(jpeg, find_marker(jpeg, marker), to_bytes({0xff, 0xff}))) == want);
  }
  CHECK(pixels_of(with(jpeg, restart, junk)) == want);
  CHECK(pixels_of(with(jpeg, restart, Bytes(200))) == want);
  for (const Bytes& more :
       {junk, to_bytes({0xff, 0x00}), to_bytes({0xff, 0x01}), to_bytes({0xff, 0xff}),
        to_bytes({0xff, 0xe5, 0, 4, 1, 2}), to_bytes("<html></html>"), jpeg}) {
    CHECK(pixels_of(with(jpeg, end, more)) == want);
    CHECK(pixels_of(with(jpeg, jpeg.size(), more)) == want);
  }
}

TEST_CASE("an end marker may lack, but no samples", "[image][errors]") {
  for (const char* name : {"restart_420", "edges_422", "tiny_422", "progressive", "grey", "cmyk"}) {
    CAPTURE(name);
    const Bytes jpeg = test_picture(std::string(name) + ".jpg");
    const auto want = wanted_pixels(name);
    CHECK(pixels_of({jpeg.begin(), jpeg.end() - 2}) == want);
    CHECK(pixels_of({jpeg.begin(), jpeg.end() - 1}) == want);
    for (size_t size = 2; size < jpeg.size() - 3; ++size) {
      CAPTURE(size);
      CHECK(kind_of(std::span(jpeg).first(size)) == FormatKind::kTruncated);
    }
  }
  // Nobody can tell where arithmetic codes end.
  const Bytes jpeg = test_picture("arithmetic.jpg");
  CHECK(kind_of(std::span(jpeg).first(jpeg.size() - 2)) == FormatKind::kTruncated);
}

TEST_CASE("a JPEG without a scan of one of its colours is refused", "[image][errors]") {
  // One scan of the first component alone: brightness, and no colour.
  const Bytes jpeg = test_picture("edges_422.jpg");
  Bytes one = jpeg;
  const size_t scan = find_marker(jpeg, 0xda);
  one[scan + 3] = std::byte{8};
  one[scan + 4] = std::byte{1};
  one.erase(one.begin() + static_cast<std::ptrdiff_t>(scan) + 7,
            one.begin() + static_cast<std::ptrdiff_t>(scan) + 11);
  CHECK(kind_of(one) == FormatKind::kTruncated);
}

TEST_CASE("changed bytes of a JPEG do no harm", "[image][errors]") {
  for (const char* name : {"restart_420", "progressive", "ycck", "arithmetic"}) {
    Bytes jpeg = test_picture(std::string(name) + ".jpg");
    for (size_t i = 2; i < jpeg.size(); ++i) {
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

TEST_CASE("malformed JPEG files get their verdict", "[image][golden][errors]") {
  check_bad_files("jpeg", [](const BadCase& bad) { read_image(bad.path(), 3, Exif::kUpright); });
}

TEST_CASE("a JPEG cannot declare more than its bytes can hold", "[image][errors]") {
  for (const char* name : {"grey.jpg", "arithmetic.jpg"}) {
    Bytes jpeg = test_picture(name);
    const bool arithmetic = name[0] == 'a';
    const size_t frame = find_marker(jpeg, arithmetic ? 0xc9 : 0xc0);
    const auto set_sides = [&](int value) {
      for (const size_t at : {frame + 5, frame + 7}) {
        jpeg[at] = static_cast<std::byte>(value >> 8);
        jpeg[at + 1] = static_cast<std::byte>(value & 0xff);
      }
    };
    set_sides(12000);
    if (!arithmetic) CHECK(kind_of(jpeg) == FormatKind::kTruncated);
    for (const int side : {14000, 65500, 65535}) {
      set_sides(side);
      CHECK(kind_of(jpeg) == FormatKind::kTooLarge);
    }
    set_sides(0);
    CHECK(kind_of(jpeg) == FormatKind::kBadShape);
  }
}

TEST_CASE("a JPEG of more scans than any encoder writes is refused", "[image][errors]") {
  const Bytes jpeg = test_picture("progressive.jpg");
  const size_t scan = find_marker(jpeg, 0xda);
  const size_t next = find_marker(jpeg, 0xc4, scan);
  const Bytes first(jpeg.begin() + static_cast<std::ptrdiff_t>(scan),
                    jpeg.begin() + static_cast<std::ptrdiff_t>(next));
  Bytes scans;
  for (int i = 0; i < 50; ++i) append(scans, first);
  CHECK(!kind_of(with(jpeg, next, scans)));
  append(scans, scans);
  CHECK(kind_of(with(jpeg, next, scans)) == FormatKind::kTooLarge);
}

TEST_CASE("JPEG features that are not decoded are said", "[image][errors]") {
  Bytes jpeg = test_picture("grey.jpg");
  const size_t frame = find_marker(jpeg, 0xc0);
  jpeg[frame + 4] = std::byte{12};
  CHECK(kind_of(jpeg) == FormatKind::kUnsupported);
  CHECK_THROWS_WITH(decode_image(jpeg, 3, "x", Exif::kAsStored),
                    Catch::Contains("12; save it as a JPEG of 8 bits"));
  jpeg[frame + 4] = std::byte{8};
  for (const int process : {0xc3, 0xc5, 0xc7, 0xcb}) {  // lossless, hierarchical
    jpeg[frame + 1] = static_cast<std::byte>(process);
    CHECK(kind_of(jpeg) == FormatKind::kUnsupported);
  }
  CHECK_THROWS_AS(decode_jpeg(to_bytes("GIF89a"), "x"), FormatError);
}
