// write_npy: the bytes are those of numpy.save, and the reader gives every type and shape back.
// Not here: malformed files (npy_test, golden_check bad).

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/npy.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

TEST_CASE("npy: headers are those of numpy.save", "[core]") {
  const auto padded = [](std::string dictionary) {
    const std::string start("\x93NUMPY\x01\x00\x76\x00", 10);
    dictionary.append(128 - start.size() - dictionary.size() - 1, ' ');
    return start + dictionary + "\n";
  };
  CHECK(npy_header(Dtype::kF32, std::vector<int64_t>{3, 4}) ==
        padded("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }"));
  CHECK(npy_header(Dtype::kI64, std::vector<int64_t>{5}) ==
        padded("{'descr': '<i8', 'fortran_order': False, 'shape': (5,), }"));
  CHECK(npy_header(Dtype::kU8, std::vector<int64_t>{}) ==
        padded("{'descr': '|u1', 'fortran_order': False, 'shape': (), }"));
}

TEST_CASE("npy: what is written is read again", "[core]") {
  const test::TempDir dir;
  const std::string path = dir.file("x.npy");
  std::vector<std::byte> bytes(6 * 8);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37 % 2);
  for (const Dtype dtype :
       {Dtype::kF64, Dtype::kF32, Dtype::kF16, Dtype::kBf16, Dtype::kI64, Dtype::kI32, Dtype::kI16,
        Dtype::kI8, Dtype::kU64, Dtype::kU32, Dtype::kU16, Dtype::kU8, Dtype::kBool}) {
    for (const std::vector<int64_t>& shape :
         {std::vector<int64_t>{}, {6}, {2, 3}, {0, 5}, {1, 2, 1, 3, 1, 1}}) {
      const auto size = static_cast<size_t>(*byte_count(dtype, shape));
      const RawTensor tensor{dtype, shape, std::span(bytes).first(size)};
      write_npy(path, tensor);
      const MappedFile file(path);
      const TensorSet set = parse_npy(file.bytes(), path);
      REQUIRE(set.tensors.size() == 1);
      const RawTensor& got = set.tensors[0].tensor;
      CHECK(got.dtype == dtype);
      CHECK(got.shape == shape);
      CHECK(
          std::equal(got.bytes.begin(), got.bytes.end(), tensor.bytes.begin(), tensor.bytes.end()));
    }
  }
  CHECK(dir.names() == std::set<std::string>{"x.npy"});
}

TEST_CASE("npy: what cannot be written", "[core][errors]") {
  const test::TempDir dir;
  const std::vector<std::byte> bytes(8);
  const auto write = [&](Dtype dtype, std::vector<int64_t> shape) {
    write_npy(dir.file("x.npy"), {dtype, std::move(shape), bytes});
  };
  CHECK_THROWS_AS(write(Dtype::kF8E4m3, {8}), UsageError);
  CHECK_THROWS_AS(write(Dtype::kF32, {3}), ShapeError);
  CHECK_THROWS_AS(write(Dtype::kF32, {-2}), ShapeError);
  CHECK_THROWS_AS(write(Dtype::kU8, std::vector<int64_t>(40'000, 1)), ShapeError);
  CHECK(dir.names().empty());
  CHECK_THROWS_AS(write_npy(dir.file("no/x.npy"), {Dtype::kF32, {2}, bytes}), IoError);
}

}  // namespace
}  // namespace vitrine
