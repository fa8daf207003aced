// IDX readers against the malformed files of the golden data, every prefix of a valid file, gzip
// files that are cut, damaged, or lie about their size, and the Fashion-MNIST files of Debian's
// package where that is installed. Out of scope: element types other than bytes, which are refused.

#include "core/formats/idx.hpp"

#include <zlib.h>

#include <catch2/catch.hpp>
#include <numeric>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "tests/bad_files.hpp"
#include "tests/skipped.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

using Bytes = std::vector<std::byte>;

void append_be32(Bytes& bytes, uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) {
    bytes.push_back(static_cast<std::byte>((value >> shift) & 0xff));
  }
}

// A file of bytes with the given dimensions; element i is i modulo 251.
Bytes idx_file(const std::vector<uint32_t>& shape, size_t elements) {
  Bytes bytes = {std::byte{0}, std::byte{0}, std::byte{8}, static_cast<std::byte>(shape.size())};
  for (const uint32_t size : shape) append_be32(bytes, size);
  for (size_t i = 0; i < elements; ++i) bytes.push_back(static_cast<std::byte>(i % 251));
  return bytes;
}

Bytes gzip(std::span<const std::byte> bytes) {
  z_stream stream = {};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, bytes.size()) + 64);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  deflateEnd(&stream);
  return {out.begin(), out.end() - static_cast<std::ptrdiff_t>(stream.avail_out)};
}

Bytes joined(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void check_kind(std::span<const std::byte> bytes, FormatKind kind) {
  try {
    parse_idx_images(bytes, "x");
  } catch (const FormatError& error) {
    CAPTURE(error.what());
    CHECK(error.kind() == kind);
    return;
  }
  FAIL_CHECK("was read, but should be " << format_kind_name(kind));
}

}  // namespace

TEST_CASE("malformed IDX files get their verdict", "[idx][golden][errors]") {
  check_bad_files("idx", [](const BadCase& bad) {
    if (!bad.is_pair()) {
      parse_idx_images(MappedFile(bad.path()).bytes(), bad.path());
      return;
    }
    const IdxPair pair = read_idx_pair(bad.path("images"), bad.path("labels"), 10);
    CHECK(pair.images.count == 5);
    CHECK(pair.images.height == 4);
    CHECK(pair.images.width == 4);
    CHECK(pair.labels == std::vector<uint8_t>{0, 1, 2, 3, 4});
  });
}

TEST_CASE("plain and compressed files give the same", "[idx]") {
  const Bytes file = idx_file({3, 5, 7}, 105);
  std::vector<uint8_t> want(105);
  std::iota(want.begin(), want.end(), uint8_t{0});
  const Bytes packed = gzip(file);
  // gunzip reads several members one after the other.
  const Bytes members = joined(gzip(std::span(file).first(9)), gzip(std::span(file).subspan(9)));
  for (const Bytes& bytes : {file, packed, members}) {
    const IdxImages images = parse_idx_images(bytes, "x");
    CHECK(images.count == 3);
    CHECK(images.height == 5);
    CHECK(images.width == 7);
    CHECK(images.pixels == want);
  }
  CHECK(parse_idx_labels(gzip(idx_file({4}, 4)), "x") == std::vector<uint8_t>{0, 1, 2, 3});
  CHECK(parse_idx_images(idx_file({0, 5, 7}, 0), "x").count == 0);
}

TEST_CASE("a small gzip file does not unpack to any size", "[idx][errors]") {
  Bytes zeros = idx_file({32 << 20}, 0);
  zeros.resize(zeros.size() + (32 << 20));
  try {
    parse_idx_labels(gzip(zeros), "x");
    FAIL("was read");
  } catch (const FormatError& error) {
    CHECK(error.kind() == FormatKind::kTooLarge);
  }
}

TEST_CASE("no prefix of an IDX file is one", "[idx][errors]") {
  const Bytes file = idx_file({3, 5, 7}, 105);
  for (size_t size = 0; size < file.size(); ++size) {
    check_kind(std::span(file).first(size), FormatKind::kTruncated);
    check_kind(gzip(std::span(file).first(size)), FormatKind::kTruncated);
  }
  const Bytes packed = gzip(file);
  for (size_t size = 2; size < packed.size(); ++size) {
    check_kind(std::span(packed).first(size), FormatKind::kTruncated);
  }
}

TEST_CASE("damaged gzip data and what follows it are errors", "[idx][errors]") {
  const Bytes file = idx_file({3, 5, 7}, 105);
  Bytes packed = gzip(file);
  packed[packed.size() - 6] ^= std::byte{1};  // the checksum
  check_kind(packed, FormatKind::kCorrupt);
  packed[packed.size() - 6] ^= std::byte{1};
  check_kind(joined(packed, {std::byte{0}}), FormatKind::kCorrupt);
  check_kind(gzip(joined(file, {std::byte{0}})), FormatKind::kMismatch);
  int refused = 0;
  for (size_t i = 0; i < packed.size(); ++i) {
    Bytes changed = packed;
    changed[i] ^= std::byte{0x5a};
    try {
      parse_idx_images(changed, "x");  // a byte of the name or time means nothing
    } catch (const FormatError&) {
      ++refused;
    }
  }
  CHECK(refused > static_cast<int>(packed.size()) / 2);
}

TEST_CASE("a header that lies costs no memory", "[idx][errors]") {
  // 50 MB of zeros in 50 kB behind a small image; a header that promises 64 MB and keeps 64 kB.
  const Bytes bomb = joined(gzip(idx_file({3, 5, 7}, 105)), gzip(Bytes(50 << 20)));
  const Bytes liar = gzip(joined(idx_file({1u << 20, 8, 8}, 0), Bytes(1 << 16)));
  reset_peak();
  const auto before = peak_bytes();
  check_kind(bomb, FormatKind::kMismatch);
  check_kind(liar, FormatKind::kTruncated);
  check_kind(gzip(idx_file({0xffffffff, 0xffffffff, 0xffffffff}, 100)), FormatKind::kTruncated);
  check_kind(idx_file({0xffffffff, 0xffff, 0x7fff}, 100), FormatKind::kTruncated);
  if (!kSanitized && before) CHECK(*peak_bytes() - *before < 8 << 20);
}

TEST_CASE("other element types and ranks are told apart", "[idx][errors]") {
  Bytes floats = idx_file({1, 1, 1}, 4);
  floats[2] = std::byte{0x0d};
  check_kind(floats, FormatKind::kBadDtype);
  check_kind(idx_file({4}, 4), FormatKind::kBadHeader);
  check_kind(idx_file({1, 2, 3, 4}, 24), FormatKind::kBadHeader);
  CHECK_THROWS_WITH(parse_idx_labels(idx_file({1, 2, 2}, 4), "x"),
                    Catch::Contains("are these the images?"));
}

TEST_CASE("labels must fit the images and the classes", "[idx][errors]") {
  const TempDir dir;
  const std::string images = dir.add("images", idx_file({3, 1, 1}, 3));
  const std::string labels = dir.add("labels", idx_file({3}, 3));  // 0, 1, 2
  CHECK(read_idx_pair(images, labels).labels.size() == 3);
  CHECK(read_idx_pair(images, labels, 3).labels.size() == 3);
  CHECK_THROWS_WITH(read_idx_pair(images, labels, 2),
                    Catch::Contains("label 2 of image 2 must be below 2"));
  const std::string fewer = dir.add("fewer", idx_file({2}, 2));
  CHECK_THROWS_WITH(read_idx_pair(images, fewer), Catch::Contains("2 labels for the 3 images"));
  CHECK_THROWS_AS(read_idx_pair(dir.file("none"), labels), IoError);
}

TEST_CASE("Fashion-MNIST's test set is read", "[idx]") {
  const std::string folder = "/usr/share/datasets/fashion-mnist/";
  if (!std::filesystem::is_directory(folder)) {
    return test::say_skipped("the package dataset-fashion-mnist is not installed");
  }
  const IdxPair test =
      read_idx_pair(folder + "t10k-images-idx3-ubyte.gz", folder + "t10k-labels-idx1-ubyte.gz", 10);
  CHECK(test.images.count == 10000);
  CHECK(test.images.height == 28);
  CHECK(test.images.width == 28);
  for (int label = 0; label < 10; ++label) {
    CHECK(std::count(test.labels.begin(), test.labels.end(), label) == 1000);
  }
}
