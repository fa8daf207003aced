// interpolate.
//   formula   the matrices of one axis written down by hand, and sums of their rows; backward is
//   the
//             transposed map: <dy, A x> = <A^T dy, x> on every ISA, for every mode, growing and
//             shrinking
//   operation separability, scales of one's own, one pixel, NaN, bit-identical results for any
//   number
//             of threads, errors
// Not here: the values of PyTorch (golden_check), 8-bit pictures (resize_test).

#include "ops/interpolate.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::dot;
using test::max_error;
using test::same_bits;

using Values = std::vector<double>;

constexpr InterpolateOptions kModes[] = {
    {.mode = Interpolation::kNearest},
    {.mode = Interpolation::kBilinear},
    {.mode = Interpolation::kBilinear, .align_corners = true},
    {.mode = Interpolation::kBilinear, .antialias = true},
    {.mode = Interpolation::kBicubic},
    {.mode = Interpolation::kBicubic, .align_corners = true},
    {.mode = Interpolation::kBicubic, .antialias = true},
};

/// A row of pixels to `size`.
Tensor row(const std::vector<float>& pixels, int64_t size, const InterpolateOptions& options) {
  return interpolate(Tensor::from(pixels, {1, 1, static_cast<int64_t>(pixels.size()), 1}),
                     {1, size}, options);
}

TEST_CASE("interpolate: rows worked out by hand", "[ops]") {
  const std::vector<float> x = {0, 4, 8};
  // New pixels at 0, 0.5 .. of old ones: -0.25, 0.25, 0.75, 1.25, 1.75, 2.25.
  CHECK(max_error(row(x, 6, kModes[0]).values(), Values{0, 0, 4, 4, 8, 8}) == 0);
  CHECK(max_error(row(x, 6, kModes[1]).values(), Values{0, 1, 3, 5, 7, 8}) < 1e-6);
  CHECK(max_error(row(x, 5, kModes[2]).values(), Values{0, 2, 4, 6, 8}) < 1e-6);
  CHECK(row(x, 1, kModes[2]).item() == 0);
  // The triangle of support 3 sees all three pixels: weights 2/7, 3/7, 2/7.
  CHECK(max_error(row({0, 7, 14}, 1, kModes[3]).values(), Values{7}) < 1e-6);
  // New pixels at 0.5 and 2.5; Keys' kernel with a = -0.75 is -3/32 at 1.5 and 19/32 at 0.5. The
  // first pixel also stands for the one before it.
  CHECK(max_error(row({32, 0, 0, 0}, 2, kModes[4]).values(), Values{16, 0}) < 1e-6);
  CHECK(max_error(row({0, 32, 0, 0}, 2, kModes[4]).values(), Values{19, -3}) < 1e-6);
}

TEST_CASE("interpolate: a constant stays one, and backward is the transposed map", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const size_t mode = GENERATE(range(size_t{0}, std::size(kModes)));
  const Size2d size = GENERATE(Size2d{9, 11}, Size2d{3, 2}, Size2d{5, 7}, Size2d{1, 20});
  CAPTURE(mode, size.h, size.w);
  const InterpolateOptions& options = kModes[mode];
  const Tensor ones = interpolate(Tensor::full({1, 5, 7, 3}, 1.0F), size, options);
  CHECK(max_error(ones.values(), Values(static_cast<size_t>(ones.numel()), 1.0)) < 1e-6);

  const int64_t channels = GENERATE(1, 5, 17);
  Tensor x = test::random_tensor({2, 5, 7, channels}, 1);
  const Tensor dy = test::random_tensor({2, size.h, size.w, channels}, 2);
  Tape tape;
  tape.watch(x);
  const Tensor y = interpolate(x, size, options);
  REQUIRE(y.shape() == dy.shape());
  const Tensor dx = tape.backward(std::span(&y, 1), std::span(&dy, 1)).of(x);
  const double forward = dot(y.values(), dy.values());
  CHECK(std::abs(forward - dot(x.values(), dx.values())) < 1e-5 * (1 + std::abs(forward)));
  if (size == Size2d{5, 7}) CHECK(max_error(y.values(), x.values()) < 1e-6);
}

TEST_CASE("interpolate: a scale of one's own moves the pixels", "[ops]") {
  // Steps of 1 / 1.6 instead of 3 / 4: -0.1875, 0.4375, 1.0625, 1.6875.
  const InterpolateOptions options{.scale_w = 1.6};
  CHECK(max_error(row({0, 16, 32}, 4, options).values(), Values{0, 7, 17, 27}) < 1e-6);
}

TEST_CASE("interpolate: a NaN stays where it is seen", "[ops]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor y = row({nan, 1, 2, 3}, 4, kModes[1]);
  CHECK(std::isnan(y.values()[0]));
  CHECK(y.values()[3] == 3);
}

TEST_CASE("interpolate: the number of threads changes no bit", "[ops][threads]") {
  const Tensor x = test::random_tensor({3, 40, 41, 9}, 1);
  set_threads(1);
  const Tensor one = interpolate(x, {57, 23}, kModes[6]);
  for (const int n : {2, 3, 4}) {
    set_threads(n);
    CHECK(same_bits(interpolate(x, {57, 23}, kModes[6]), one));
  }
  set_threads(0);
}

TEST_CASE("interpolate: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({1, 4, 4, 2});
  CHECK_THROWS_WITH(interpolate(x, {0, 3}),
                    "[interpolate] sides must be from 1 to 1048576, got (1, 4, 4, 2) to (0, 3)");
  CHECK_THROWS_AS(interpolate(x, {INT64_MAX, 3}), ShapeError);
  CHECK_THROWS_AS(interpolate(x, {-1, 3}), ShapeError);
  CHECK_THROWS_AS(interpolate(Tensor::zeros({1, 0, 4, 2}), {3, 3}), ShapeError);
  CHECK_THROWS_AS(interpolate(Tensor::zeros({4, 4, 2}), {3, 3}), ShapeError);
  CHECK_THROWS_AS(interpolate(Tensor(), {3, 3}), ShapeError);
  CHECK_THROWS_AS(interpolate(x, {3, 3}, {.mode = Interpolation::kNearest, .align_corners = true}),
                  UsageError);
  CHECK_THROWS_AS(interpolate(x, {3, 3}, {.mode = Interpolation::kNearest, .antialias = true}),
                  UsageError);
  for (const double scale : {0.0, -1.0, HUGE_VAL, std::nan("")}) {
    CHECK_THROWS_AS(interpolate(x, {3, 3}, {.scale_h = scale}), UsageError);
  }
  CHECK(interpolate(Tensor::zeros({0, 4, 4, 2}), {3, 3}).shape() == Shape{0, 3, 3, 2});
}

}  // namespace
}  // namespace vitrine
