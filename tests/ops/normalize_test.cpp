// normalize_u8: (v / 255 - mean) / stddev has the bits of that formula in float32, whatever the
// ISA.
//   kernel     every byte value, 1 to 4 channels, numbers of pixels around every vector size,
//              misaligned, against the reference
//   operation  shapes, errors, number of threads

#include "ops/normalize.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <vector>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/normalize.hpp"
#include "ops/reference/normalize.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

const std::vector<float> kMean = {0.485F, 0.456F, 0.406F, 0.1307F};
const std::vector<float> kStddev = {0.229F, 0.224F, 0.225F, 0.3081F};

std::vector<uint8_t> all_bytes(int64_t n) {
  std::vector<uint8_t> bytes(static_cast<size_t>(n));
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 256);
  return bytes;
}

TEST_CASE("normalize_u8: kernels have the bits of the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t channels = GENERATE(1, 2, 3, 4);
  const int64_t pixels = GENERATE(0, 1, 2, 5, 7, 8, 11, 16, 17, 31, 33, 784, 1021);
  const int64_t shift = GENERATE(0, 1);
  const std::vector<uint8_t> from = all_bytes(shift + pixels * channels);
  const auto size = static_cast<size_t>(shift + pixels * channels + 1);
  std::vector<float> want(size, 7.0F);
  std::vector<float> got(size, 7.0F);
  reference::normalize_pixels(pixels, channels, from.data() + shift, kMean.data(), kStddev.data(),
                              want.data() + shift);
  kernels::active().normalize_u8->pixels(pixels, channels, from.data() + shift, kMean.data(),
                                         kStddev.data(), got.data() + shift);
  INFO("channels " << channels << ", pixels " << pixels);
  CHECK(std::memcmp(want.data(), got.data(), size * sizeof(float)) == 0);
}

TEST_CASE("normalize_u8: operation and the number of threads", "[ops][threads]") {
  const auto bytes = all_bytes(int64_t{2} * 91 * 87 * 3);
  const auto mean = std::span(kMean).first(3);
  const auto stddev = std::span(kStddev).first(3);
  const Shape shape{2, 91, 87, 3};
  set_threads(1);
  const Tensor one = normalize_u8(bytes, shape, mean, stddev);
  set_threads(3);
  const Tensor three = normalize_u8(bytes, shape, mean, stddev);
  set_threads(0);
  CHECK(test::same_bits(one, three));
  CHECK(one.data()[4] == (static_cast<float>(bytes[4]) / 255.0F - mean[1]) / stddev[1]);
  std::vector<float> floats(bytes.size());
  normalize_u8_into(bytes, mean, stddev, floats);
  CHECK(test::same_bits(one, Tensor::from(floats, shape)));
  CHECK(normalize_u8({}, {0, 4, 4, 3}, mean, stddev).numel() == 0);
}

TEST_CASE("normalize_u8: arguments that do not fit are refused", "[ops][errors]") {
  const std::vector<uint8_t> bytes(12);
  std::vector<float> floats(12);
  const auto mean = std::span(kMean).first(3);
  const auto stddev = std::span(kStddev).first(3);
  CHECK_THROWS_WITH(normalize_u8(bytes, {1, 2, 2, 4}, mean, stddev),
                    "[normalize_u8] shape must be (B, H, W, 3) for 12 bytes, got (1, 2, 2, 4)");
  CHECK_THROWS_AS(normalize_u8(bytes, {2, 2, 3}, mean, stddev), ShapeError);
  CHECK_THROWS_AS(normalize_u8(bytes, {1, 2, 2, 3}, mean, kStddev), ShapeError);
  CHECK_THROWS_AS(normalize_u8(bytes, {1, 2, 2, 3}, {}, {}), ShapeError);
  CHECK_THROWS_AS(normalize_u8_into(std::span(bytes).first(11), mean, stddev, floats), ShapeError);
  CHECK_THROWS_AS(normalize_u8_into(std::span(bytes).first(9), mean, stddev, floats), ShapeError);
}

}  // namespace
}  // namespace vitrine
