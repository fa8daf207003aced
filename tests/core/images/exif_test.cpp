// Orientations: by hand for a small image; read from EXIF and XMP as cameras and editors write them
// into JPEG and PNG; damage is no orientation and no error. What is right was asked of Pillow's
// ImageOps.exif_transpose.

#include "core/images/exif.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/images/image.hpp"
#include "core/images/picture_metadata.hpp"
#include "tests/picture_bytes.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

constexpr int kShort = 3, kLong = 4;

const std::string exif_header("Exif\0\0", 6);
const std::string xmp_header("http://ns.adobe.com/xap/1.0/\0", 29);

// An entry of a TIFF directory, in the order of bytes of Intel or Motorola.
void append_number(std::string& to, uint32_t value, int bytes, bool big) {
  for (int i = 0; i < bytes; ++i) {
    to.push_back(static_cast<char>(value >> 8 * (big ? bytes - 1 - i : i) & 0xff));
  }
}

std::string tiff(int orientation, int type = kShort, bool big = false, int count = 1) {
  std::string text = big ? std::string("MM\0\x2a", 4) : std::string("II\x2a\0", 4);
  append_number(text, 8, 4, big);
  append_number(text, 2, 2, big);
  for (const int tag : {271, 274}) {
    append_number(text, static_cast<uint32_t>(tag), 2, big);
    append_number(text, static_cast<uint32_t>(type), 2, big);
    append_number(text, static_cast<uint32_t>(count), 4, big);
    const int bytes = type == kShort ? 2 : 4;
    append_number(text, static_cast<uint32_t>(tag == 274 ? orientation : 0), bytes, big);
    append_number(text, 0, 4 - bytes, big);
  }
  append_number(text, 0, 4, big);
  return text;
}

// A JPEG with segments APP1.
Bytes jpeg_with(const std::vector<std::string>& segments) {
  Bytes jpeg = to_bytes({0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2});
  for (const std::string& segment : segments) {
    const size_t length = segment.size() + 2;
    append(jpeg,
           to_bytes({0xff, 0xe1, static_cast<int>(length >> 8), static_cast<int>(length & 255)}));
    append(jpeg, to_bytes(segment));
  }
  append(jpeg, to_bytes({0xff, 0xda}));
  return jpeg;
}

Bytes png_with(const std::vector<Chunk>& front, const std::vector<Chunk>& back = {}) {
  return png_file(1, 1, 8, 0, to_bytes({0, 9}), {}, front, back);
}

// ImageMagick's way to put bytes into text.
std::string raw_profile(const std::string& name, const std::string& bytes) {
  std::string text = "\n" + name + "\n" + std::to_string(bytes.size()) + "\n";
  for (size_t i = 0; i < bytes.size(); ++i) {
    constexpr const char* kDigits = "0123456789abcdef";
    text += kDigits[static_cast<uint8_t>(bytes[i]) >> 4];
    text += kDigits[static_cast<uint8_t>(bytes[i]) & 15];
    if (i % 36 == 35) text += '\n';
  }
  return text + "\n";
}

Chunk plain_text(const std::string& keyword, const std::string& text) {
  return {"tEXt", to_bytes(keyword + '\0' + text)};
}

Chunk packed_text(const std::string& keyword, const std::string& text) {
  Bytes payload = to_bytes(keyword + std::string(2, '\0'));
  append(payload, deflated(to_bytes(text)));
  return {"zTXt", payload};
}

Chunk international_text(const std::string& keyword, const std::string& text, bool packed) {
  Bytes payload =
      to_bytes(keyword + '\0' + (packed ? '\1' : '\0') + '\0' + "en" + '\0' + "K" + '\0');
  append(payload, packed ? deflated(to_bytes(text)) : to_bytes(text));
  return {"iTXt", payload};
}

std::string xmp(const std::string& inside) {
  return "<x:xmpmeta><rdf:Description " + inside + "</rdf:Description></x:xmpmeta>";
}

const std::string raw_exif = "Raw profile type exif";
const std::string raw_app1 = "Raw profile type APP1";
const std::string xmp_text = "XML:com.adobe.xmp";

}  // namespace

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

TEST_CASE("an orientation is read in a JPEG however it is written", "[image]") {
  for (const bool big : {false, true}) {
    for (int i = 1; i <= 8; ++i) {
      CHECK(exif_orientation(jpeg_with({exif_header + tiff(i, kShort, big)})) == i);
      CHECK(exif_orientation(jpeg_with({exif_header + tiff(i, kLong, big)})) == i);
    }
  }
  CHECK(exif_orientation(jpeg_with({exif_header + exif_header + tiff(6)})) == 6);
  CHECK(exif_orientation(jpeg_with({"something", xmp_header + xmp(">"), exif_header + tiff(3)})) ==
        3);
  // Cut into segments; the second one has the header too.
  const std::string whole = tiff(5);
  CHECK(exif_orientation(
            jpeg_with({exif_header + whole.substr(0, 20), exif_header + whole.substr(20)})) == 5);
  // Padding and junk between segments.
  Bytes padded = jpeg_with({exif_header + tiff(8)});
  padded.insert(padded.begin() + 8, {std::byte{0xff}, std::byte{0xff}});
  CHECK(exif_orientation(padded) == 8);
  padded.insert(padded.begin() + 8, {std::byte{0}, std::byte{7}});
  CHECK(exif_orientation(padded) == 8);

  for (const char* text :
       {"tiff:Orientation=\"6\">", "tiff:Orientation='6'>", "tiff:Orientation = \"6\" >",
        "><tiff:Orientation>6</tiff:Orientation>", "><tiff:Orientation>\n 6\n</tiff:Orientation>",
        "tiff:OrientationX=\"3\" tiff:Orientation=\"6\">"}) {
    CAPTURE(text);
    CHECK(exif_orientation(jpeg_with({xmp_header + xmp(text)})) == 6);
    // EXIF counts if it says anything.
    CHECK(exif_orientation(jpeg_with({xmp_header + xmp(text), exif_header + tiff(3)})) == 3);
    CHECK(exif_orientation(jpeg_with({xmp_header + xmp(text), exif_header + tiff(9)})) == 1);
  }
  for (const char* text : {"tiff:Orientation=\"9\">", "tiff:Orientation=6>", "tiff:Orientation",
                           ">tiff:Orientation 6"}) {
    CHECK(exif_orientation(jpeg_with({xmp_header + xmp(text)})) == 1);
  }
}

TEST_CASE("an orientation is read in a PNG however it is written", "[image]") {
  const std::string exif = exif_header + tiff(6);
  const Chunk wanted[] = {
      {"eXIf", to_bytes(tiff(6))},
      {"eXIf", to_bytes(exif)},
      packed_text(raw_exif, raw_profile("exif", exif)),
      plain_text(raw_exif, raw_profile("exif", exif)),
      international_text(raw_exif, raw_profile("exif", exif), false),
      international_text(raw_exif, raw_profile("exif", tiff(6)), true),
      packed_text(raw_app1, raw_profile("APP1", exif)),
      packed_text(raw_app1, raw_profile("APP1", xmp_header + xmp("tiff:Orientation=\"6\">"))),
      international_text(xmp_text, xmp("tiff:Orientation=\"6\">"), false),
      international_text(xmp_text, xmp("tiff:Orientation=\"6\">"), true),
  };
  for (const Chunk& chunk : wanted) {
    CAPTURE(chunk.type, std::string(reinterpret_cast<const char*>(chunk.payload.data()), 16));
    CHECK(exif_orientation(png_with({chunk})) == 6);
    CHECK(exif_orientation(png_with({}, {chunk})) == 6);  // behind the pixels
    CHECK(exif_orientation(png_with({plain_text("Comment", "x"), chunk})) == 6);
    CHECK(!kind_of(png_with({chunk})));
    // Part of it is an orientation or none, and no harm.
    for (size_t size = 0; size < chunk.payload.size(); ++size) {
      const Bytes part(chunk.payload.begin(),
                       chunk.payload.begin() + static_cast<std::ptrdiff_t>(size));
      const int orientation = exif_orientation(png_with({{chunk.type, part}}));
      CHECK((orientation == 1 || orientation == 6));
    }
  }
  // The chunk counts more than text.
  CHECK(exif_orientation(png_with({{"eXIf", to_bytes(tiff(3))}, wanted[2], wanted[8]})) == 3);
  CHECK(exif_orientation(
            png_with({wanted[8], packed_text(raw_exif, raw_profile("exif", tiff(3)))})) == 3);
}

TEST_CASE("text of a PNG unpacks to little memory", "[image][errors]") {
  const std::string bomb = raw_profile("exif", tiff(6)) + std::string(size_t{1} << 24, ' ');
  CHECK(exif_orientation(png_with({packed_text(raw_exif, bomb)})) == 1);
  std::vector<Chunk> many(1000, packed_text(raw_exif, bomb));
  CHECK(exif_orientation(png_with(many)) == 1);
}

TEST_CASE("an orientation that cannot be read is upright", "[image]") {
  const std::string good = tiff(6);
  const auto read = [](const std::string& text) {
    return exif_orientation(png_with({{"eXIf", to_bytes(text)}}));
  };
  REQUIRE(read(good) == 6);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = '\xff';
    CAPTURE(i);
    const int orientation = read(changed);
    CHECK((orientation == 1 || orientation == 6));
    CHECK(read(good.substr(0, i)) == (i < 34 ? 1 : 6));
  }
  for (const int value : {0, 9, 65535}) CHECK(read(tiff(value)) == 1);
  CHECK(read(tiff(70000, kLong)) == 1);
  CHECK(read(tiff(6, 7)) == 1);  // bytes without a meaning
  CHECK(read(tiff(6, kShort, false, 0)) == 1);
  CHECK(read(tiff(6, kShort, false, 2)) == 6);
  CHECK(read(tiff(6, kShort, false, 1000)) == 1);  // values that would lie behind the file
  CHECK(exif_orientation({}) == 1);
  CHECK(picture_metadata(to_bytes("GIF89a")).exif.empty());
}

TEST_CASE("a picture is read upright or as it is stored", "[image]") {
  // 2 x 1 pixels; orientation 6 turns them by a quarter, clockwise.
  const Bytes png = png_file(2, 1, 8, 0, to_bytes({0, 10, 200}), {}, {{"eXIf", to_bytes(tiff(6))}});
  const Image stored = decode_image(png, 1, "x", Exif::kAsStored);
  const Image upright = decode_image(png, 1, "x", Exif::kUpright);
  CHECK(stored.width == 2);
  CHECK(stored.pixels == std::vector<uint8_t>{10, 200});
  CHECK(upright.width == 1);
  CHECK(upright.height == 2);
  CHECK(upright.pixels == std::vector<uint8_t>{10, 200});
}
