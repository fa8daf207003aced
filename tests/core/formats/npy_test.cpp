// .npy and .npz: the malformed files of the golden data; every type, version and order against
// values written by hand; every prefix and every changed byte of the valid archives, which must be
// read or refused, and never be read differently where a checksum covers the byte.

#include "core/formats/npy.hpp"

#include <catch2/catch.hpp>
#include <cstring>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/tensor_archive.hpp"
#include "tests/bad_files.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

constexpr int64_t kLimit = int64_t{1} << 24;

/// A .npy file of version 1 with this dictionary.
std::string npy(const std::string& dictionary, const std::string& data,
                const std::string& version = std::string("\x01\x00", 2)) {
  std::string length = {static_cast<char>(dictionary.size() & 0xff),
                        static_cast<char>(dictionary.size() >> 8)};
  if (version[0] != 1) length += std::string(2, '\0');
  return "\x93NUMPY" + version + length + dictionary + data;
}

std::string descr(const std::string& type, const std::string& order, const std::string& shape) {
  return "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

std::string floats(std::initializer_list<float> values) {
  std::string text(values.size() * sizeof(float), '\0');
  std::memcpy(text.data(), std::data(values), text.size());
  return text;
}

std::vector<float> read(const std::string& file) {
  const TensorSet set = parse_npy(std::as_bytes(std::span(file)), "test");
  REQUIRE(set.tensors.size() == 1);
  return to_float32(set.tensors[0].tensor, "test");
}

std::string kind_of(const std::string& file) {
  try {
    parse_npy(std::as_bytes(std::span(file)), "test");
  } catch (const FormatError& e) {
    return std::string(format_kind_name(e.kind()));
  }
  return "read";
}

}  // namespace

TEST_CASE("malformed .npz and .npy files get their verdict", "[npz][golden][errors]") {
  check_bad_files("npz", [](const BadCase& bad) { const TensorArchive archive(bad.path()); });
}

TEST_CASE(".npy: types, versions and orders", "[npz]") {
  const std::string data = floats({1, 2, 3, 4, 5, 6});
  const std::vector<float> rows = {1, 2, 3, 4, 5, 6};
  for (const char* version : {"\x01", "\x02", "\x03"}) {
    const std::string v = std::string(version) + std::string(1, '\0');
    CHECK(read(npy(descr("<f4", "False", "(2, 3)"), data, v)) == rows);
  }
  CHECK(read(npy(descr("<f4", "True", "(2, 3)"), data)) == std::vector<float>{1, 3, 5, 2, 4, 6});
  CHECK(read(npy(descr("<f4", "True", "(3, 1, 2)"), data)) == std::vector<float>{1, 4, 2, 5, 3, 6});
  CHECK(read(npy(descr("<f4", "False", "(6L,)"), data)) == rows);  // Python 2
  CHECK(read(npy("{\"shape\":(6,),\"descr\":\"<f4\",\"fortran_order\":False}", data)) == rows);
  CHECK(read(npy(descr("<f4", "False", "()"), floats({7}))) == std::vector<float>{7});
  CHECK(read(npy(descr("<f4", "True", "(0, 3)"), "")).empty());
  CHECK(read(npy(descr(">i2", "False", "(2,)"), std::string("\x01\x02\xff\xff", 4))) ==
        std::vector<float>{258, -1});
  // bfloat16 has no type of its own in NumPy.
  CHECK(read(npy(descr("|V2", "False", "(1,)"), std::string("\xc0\x3f", 2))) ==
        std::vector<float>{1.5F});
}

TEST_CASE(".npy: headers that lie are refused", "[npz][errors]") {
  const std::string data = floats({1, 2, 3, 4});
  CHECK(kind_of(npy(descr("<f4", "False", "(4,)"), data)) == "read");
  CHECK(kind_of(npy(descr("<f4", "False", "(5,)"), data)) == "truncated");
  CHECK(kind_of(npy(descr("<f4", "False", "(3,)"), data)) == "bad_shape");
  CHECK(kind_of(npy(descr("<f4", "False", "(-4,)"), data)) == "bad_shape");
  CHECK(kind_of(npy(descr("<f4", "False", "(99999999999999999999,)"), data)) == "bad_shape");
  CHECK(kind_of(npy(descr("<f4", "False", "(4294967296, 4294967296, 0)"), "")) == "bad_shape");
  CHECK(kind_of(npy(descr("<f4", "False", "(4)"), data)) == "bad_header");
  CHECK(kind_of(npy(descr("<f4", "Maybe", "(4,)"), data)) == "bad_header");
  CHECK(kind_of(npy(descr("<c8", "False", "(2,)"), data)) == "unsupported");
  CHECK(kind_of(npy(descr("|O", "False", "(2,)"), data)) == "unsupported");
  CHECK(kind_of(npy(descr("<z4", "False", "(4,)"), data)) == "bad_dtype");
  CHECK(kind_of(npy(descr("", "False", "(4,)"), data)) == "bad_dtype");
  CHECK(kind_of(npy("{'descr': '<f4', 'descr': '<f4', 'shape': (4,)}", data)) == "duplicate");
  CHECK(kind_of(npy("{'descr': '<f4', 'shape': (4,)}", data)) == "bad_header");
  CHECK(kind_of(npy(descr("<f4", "False", "(4,)") + "x", data)) == "bad_header");
  const std::string whole = npy(descr("<f4", "False", "(4,)"), data);
  for (size_t size = 0; size < whole.size(); ++size) {
    CHECK(kind_of(whole.substr(0, size)) != "read");
  }
}

TEST_CASE(".npz: a damaged archive is refused, or the damage is outside the arrays",
          "[npz][golden]") {
  const auto manifest = golden_manifest("formats");
  if (!manifest) return;
  int files = 0;
  for (const auto& facts : manifest->at("cases")) {
    const std::string name = facts.at("file");
    if (!name.ends_with(".npz")) continue;
    ++files;
    const std::vector<std::byte> whole =
        read_file((golden_dir() / "formats" / name).string(), kLimit);
    const TensorSet want = parse_npz(whole, name);
    for (size_t size = 0; size < whole.size(); size += 1 + size / 64) {
      CHECK_THROWS_AS(parse_npz(std::span(whole).first(size), name), FormatError);
    }
    std::vector<std::byte> damaged = whole;
    int refused = 0;
    for (size_t at = 0; at < whole.size(); at += 3) {
      damaged[at] ^= std::byte{0x55};
      try {
        const TensorSet got = parse_npz(damaged, name);
        for (const auto& [key, tensor] : got.tensors) {
          for (const auto& [wanted_key, wanted] : want.tensors) {
            if (key != wanted_key) continue;
            CHECK(std::ranges::equal(tensor.bytes, wanted.bytes));
          }
        }
      } catch (const FormatError&) {
        ++refused;
      }
      damaged[at] = whole[at];
    }
    CHECK(refused > 0);
  }
  CHECK(files > 0);
}
