// The safetensors reader against the malformed and the valid files of the golden data, and against
// every prefix and every changed byte of a small file; the writer's exact bytes, its round trip for
// all types at odd offsets, and what it refuses. Conversions to float32 are compared exactly.

#include "core/formats/safetensors.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.hpp"
#include "core/formats/tensor_archive.hpp"
#include "tests/bad_files.hpp"
#include "tests/golden_path.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

NamedTensor named(std::string name, Dtype dtype, std::vector<int64_t> shape,
                  std::span<const std::byte> bytes) {
  return {std::move(name), {dtype, std::move(shape), bytes}};
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void check_same(std::span<const float> got, std::span<const float> want) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    if (std::isnan(want[i])) {
      CHECK(std::isnan(got[i]));
    } else {
      CHECK(got[i] == want[i]);
      CHECK(std::signbit(got[i]) == std::signbit(want[i]));
    }
  }
}

// A small file with metadata and two tensors.
std::string small_file(const TempDir& dir) {
  const std::vector<float> a = {1, 2, 3};
  const std::vector<uint8_t> b = {4, 5};
  const std::vector<NamedTensor> tensors = {named("a", Dtype::kF32, {3}, bytes_of(a)),
                                            named("b", Dtype::kU8, {2, 1}, bytes_of(b))};
  write_safetensors(dir.file("small"), tensors, {{"key", "value"}});
  return text_of(dir.file("small"));
}

}  // namespace

TEST_CASE("malformed safetensors files get their verdict", "[safetensors][golden][errors]") {
  check_bad_files("safetensors", [](const BadCase& bad) {
    const SafetensorsFile file(bad.path());
    if (bad.facts.at("expect") != "ok") return;
    const nlohmann::json& want = bad.facts.at("tensors");
    CHECK(file.tensors().size() == want.size());
    for (const auto& [name, facts] : want.items()) {
      const RawTensor* tensor = file.find(name);
      REQUIRE(tensor != nullptr);
      CHECK(tensor->shape == facts.at("shape").get<std::vector<int64_t>>());
      check_same(to_float32(*tensor, name), facts.at("values").get<std::vector<float>>());
    }
  });
}

TEST_CASE("all element types of valid files convert exactly", "[safetensors][golden]") {
  const auto manifest = golden_manifest("formats");
  if (!manifest) return;
  int files = 0;
  for (const auto& facts : manifest->at("cases")) {
    const std::string name = facts.at("file");
    if (!name.ends_with(".safetensors")) continue;
    ++files;
    const auto folder = golden_dir() / "formats";
    const TensorArchive got((folder / name).string());
    const SafetensorsFile want(folder / facts.at("expect").get<std::string>());
    CHECK(got.tensors().size() == want.tensors().size());
    for (const auto& [tensor_name, tensor] : want.tensors()) {
      CAPTURE(tensor_name);
      const RawTensor* found = got.find(tensor_name);
      REQUIRE(found != nullptr);
      CHECK(found->shape == tensor.shape);
      check_same(to_float32(*found, tensor_name), to_float32(tensor, tensor_name));
      got.forget(*found);
      check_same(to_float32(*found, tensor_name), to_float32(tensor, tensor_name));
    }
  }
  CHECK(files > 0);
}

TEST_CASE("the writer's bytes are fixed", "[safetensors]") {
  const TempDir dir;
  const std::string file = small_file(dir);
  std::string directory =
      R"({"__metadata__":{"key":"value"},"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
      R"("b":{"dtype":"U8","shape":[2,1],"data_offsets":[12,14]}})";
  directory.resize((directory.size() + 7) / 8 * 8, ' ');
  const std::string length = {static_cast<char>(directory.size()), 0, 0, 0, 0, 0, 0, 0};
  const std::string data("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\x04\x05", 14);
  CHECK(file == length + directory + data);
  CHECK(small_file(dir) == file);
}

TEST_CASE("every type and shape survives a round trip at odd offsets", "[safetensors]") {
  const TempDir dir;
  std::vector<uint8_t> pool(4096);
  for (size_t i = 0; i < pool.size(); ++i) pool[i] = static_cast<uint8_t>(i * 37 % 251);
  std::vector<NamedTensor> tensors;
  size_t at = 1;
  for (int i = 0; i <= static_cast<int>(Dtype::kF8E5m2); ++i) {
    const auto dtype = static_cast<Dtype>(i);
    CHECK(find_dtype(dtype_name(dtype)) == dtype);
    for (const std::vector<int64_t>& shape :
         {std::vector<int64_t>{}, {0}, {3}, {1, 5}, {2, 0, 4}, {2, 3, 1, 1}}) {
      const auto size = static_cast<size_t>(byte_count(dtype, shape).value());
      tensors.push_back(named("t\"\\\n\u00e9" + std::to_string(tensors.size()), dtype, shape,
                              std::as_bytes(std::span(pool)).subspan(at, size)));
      at += size + 1;
    }
  }
  const Metadata metadata = {{"", "empty"}, {"a \"b\"", "line\nline"}, {"\u6f22", "\u5b57"}};
  write_safetensors(dir.file("a"), tensors, metadata);
  const SafetensorsFile file(dir.file("a"));
  CHECK(file.metadata() == metadata);
  REQUIRE(file.tensors().size() == tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& got = file.tensors()[i];
    CHECK(got.name == tensors[i].name);
    CHECK(got.tensor.dtype == tensors[i].tensor.dtype);
    CHECK(got.tensor.shape == tensors[i].tensor.shape);
    CHECK(std::ranges::equal(got.tensor.bytes, tensors[i].tensor.bytes));
  }
  write_safetensors(dir.file("b"), file.tensors(), file.metadata());
  CHECK(text_of(dir.file("b")) == text_of(dir.file("a")));
}

TEST_CASE("a file without tensors or metadata is legal", "[safetensors]") {
  const TempDir dir;
  write_safetensors(dir.file("a"), {}, {});
  CHECK(text_of(dir.file("a")) == std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
  CHECK(SafetensorsFile(dir.file("a")).tensors().empty());
  CHECK(SafetensorsFile(dir.file("a")).find("x") == nullptr);
}

TEST_CASE("no prefix of a file is a file", "[safetensors][errors]") {
  const TempDir dir;
  const std::string file = small_file(dir);
  const auto bytes = std::as_bytes(std::span(file));
  CHECK(parse_safetensors(bytes, "x").tensors.size() == 2);
  for (size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(parse_safetensors(bytes.first(size), "x"), FormatError);
  }
}

TEST_CASE("a changed byte is an error or another legal file, never more", "[safetensors][errors]") {
  const TempDir dir;
  const std::string file = small_file(dir);
  int refused = 0;
  // At every alignment: the bytes of a tensor may lie anywhere.
  for (size_t shift = 0; shift < 8; ++shift) {
    std::string moved = std::string(shift, 'x') + file;
    const auto bytes = std::as_bytes(std::span(moved)).subspan(shift);
    for (size_t i = shift; i < moved.size(); ++i) {
      const char original = moved[i];
      for (const char changed : {'\0', '"', '}', '9', '-', '\x80', '\xff'}) {
        moved[i] = changed;
        try {
          for (const auto& [name, tensor] : parse_safetensors(bytes, "x").tensors) {
            to_float32(tensor, name);
          }
        } catch (const FormatError&) {
          ++refused;
        }
      }
      moved[i] = original;
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("unknown fields are skipped, duplicates and depth are not", "[safetensors][errors]") {
  const auto parse = [](const std::string& directory) {
    std::string file(8, '\0');
    const uint64_t length = directory.size();
    std::memcpy(file.data(), &length, 8);
    file += directory;
    return parse_safetensors(std::as_bytes(std::span(file)), "x").tensors.size();
  };
  const std::string tensor = R"("dtype":"F32","shape":[0],"data_offsets":[0,0])";
  CHECK(parse("{\"a\":{" + tensor + R"(,"x":{"y":[1,-2,3.5,null,true,"z",{}]}}})") == 1);
  const auto refuses = [&](const std::string& directory, std::string_view kind) {
    CAPTURE(directory);
    CHECK_THROWS_WITH(parse(directory), Catch::Contains(std::string(kind)));
  };
  refuses("{\"a\":{" + tensor + R"(,"dtype":"F32"}})", "duplicate");
  refuses("{\"a\":{" + tensor + "},\"a\":{" + tensor + "}}", "duplicate");
  refuses(R"({"__metadata__":{"a":"1","a":"2"}})", "duplicate");
  refuses(R"({"__metadata__":{"a":1}})", "bad_header");
  refuses("{\"a\":{" + tensor + ",\"x\":" + std::string(1000, '[') + std::string(1000, ']') + "}}",
          "bad_header");
  refuses(R"({"a":{"dtype":"F4","shape":[0],"data_offsets":[0,0]}})", "unsupported");
  refuses(R"({"a":{"dtype":"f32","shape":[0],"data_offsets":[0,0]}})", "bad_dtype");
  refuses(R"({"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}})", "bad_shape");
  refuses(R"({"a":{"dtype":"F32","shape":[0,9223372036854775807,3],"data_offsets":[0,0]}})",
          "bad_shape");
  refuses(std::string("{}\0{}", 5), "bad_header");
  refuses("\xef\xbb\xbf{}", "bad_header");
}

TEST_CASE("F8 tensors are read but not converted", "[safetensors][errors]") {
  const std::vector<uint8_t> data = {1, 2};
  const RawTensor tensor = {Dtype::kF8E4m3, {2}, bytes_of(data)};
  CHECK_THROWS_WITH(to_float32(tensor, "w"), Catch::Contains("w: unsupported: F8_E4M3"));
}

TEST_CASE("half precision converts all 65536 values", "[safetensors]") {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  const auto got = to_float32({Dtype::kF16, {65536}, bytes_of(halves)}, "h");
  const auto bfloats = to_float32({Dtype::kBf16, {65536}, bytes_of(halves)}, "b");
  for (size_t i = 0; i < halves.size(); ++i) {
    // From the definition: (-1)^s * 2^(e-15) * (1 + m/1024), subnormal 2^-14 * m/1024.
    const int exponent = static_cast<int>(i >> 10) & 31;
    const double mantissa = static_cast<double>(i & 1023);
    const double sign = (i & 0x8000) != 0 ? -1 : 1;
    const double size =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    const bool special = exponent == 31;
    const bool right =
        special ? (mantissa == 0
                       ? got[i] == static_cast<float>(sign) * std::numeric_limits<float>::infinity()
                       : std::isnan(got[i]))
                : got[i] == static_cast<float>(sign * size) && std::signbit(got[i]) == (sign < 0);
    const auto bits = static_cast<uint32_t>(i << 16);
    if (!right || std::bit_cast<uint32_t>(bfloats[i]) != bits) FAIL("value " << i);
  }
  SUCCEED();
}

TEST_CASE("integers round to the nearest float", "[safetensors]") {
  const std::vector<int64_t> wide = {(1 << 24) + 1, -((1LL << 24) + 3), INT64_MIN};
  check_same(to_float32({Dtype::kI64, {3}, bytes_of(wide)}, "i"),
             std::vector<float>{16777216.0f, -16777220.0f, -9223372036854775808.0f});
  const std::vector<double> doubles = {1e300, 0.1, -0.0};
  check_same(to_float32({Dtype::kF64, {3}, bytes_of(doubles)}, "d"),
             std::vector<float>{std::numeric_limits<float>::infinity(), 0.1f, -0.0f});
  const std::vector<uint8_t> bools = {0, 1, 2};
  check_same(to_float32({Dtype::kBool, {3}, bytes_of(bools)}, "b"), std::vector<float>{0, 1, 1});
  std::vector<float> small(2);
  CHECK_THROWS_AS(to_float32({Dtype::kBool, {3}, bytes_of(bools)}, "b", small), ShapeError);
}

TEST_CASE("the writer refuses what no reader would take", "[safetensors][errors]") {
  const TempDir dir;
  const std::vector<float> values = {1, 2};
  const auto write = [&](std::vector<NamedTensor> tensors, const Metadata& metadata) {
    write_safetensors(dir.file("a"), tensors, metadata);
  };
  const NamedTensor good = named("w", Dtype::kF32, {2}, bytes_of(values));
  CHECK_THROWS_AS(write({good, good}, {}), UsageError);
  CHECK_THROWS_AS(write({named("__metadata__", Dtype::kF32, {2}, bytes_of(values))}, {}),
                  UsageError);
  CHECK_THROWS_AS(write({named("\xff", Dtype::kF32, {2}, bytes_of(values))}, {}), UsageError);
  CHECK_THROWS_AS(write({good}, {{"key", "\xff"}}), UsageError);
  CHECK_THROWS_AS(write({named("w", Dtype::kF32, {3}, bytes_of(values))}, {}), ShapeError);
  CHECK_THROWS_AS(write({named("w", Dtype::kF32, {-2}, bytes_of(values))}, {}), ShapeError);
  CHECK(dir.names().empty());
  CHECK_THROWS_WITH(write_safetensors("/dev/full", std::vector{good}, {}),
                    "/dev/full: cannot write: No space left on device");
  CHECK_THROWS_AS(SafetensorsFile(dir.file("none")), IoError);
}
