// max_pool2d, avg_pool2d, and the adaptive ones.
//   formula   loops over the definition in double, and differences as gradients, on every ISA:
//             kernels, strides, four paddings, dilation, ceil_mode, adaptive sizes; channels around
//             every vector size
//   kernel    every ISA against the reference, misaligned, bit by bit
//   operation ties, NaN, indices, divisors, bit-identical results for any number of threads, errors
// Not here: the values of PyTorch (golden_check).

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "ops/avg_pool2d.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/pool2d.hpp"
#include "ops/max_pool2d.hpp"
#include "ops/reference/pool2d.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::randoms;
using test::same_bits;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

using Values = std::vector<double>;

struct Case {
  Shape x;
  Window window;
  bool ceil = false;
  bool count_pad = true;
};

/// Pools by `join`, which sees the pixels of a window and the number of those of image and padding.
template <class Join>
Values pool(const Case& c, const Values& x, const Shape& y, const Join& join) {
  const auto& [kernel, stride, dilation, pad] = c.window;
  Values result;
  for (int64_t n = 0; n < y.numel(); ++n) {
    const int64_t ch = n % y[3];
    const int64_t top = n / y[3] / y[2] % y[1] * stride.h - pad.top;
    const int64_t left = n / y[3] % y[2] * stride.w - pad.left;
    const int64_t image = n / (y[3] * y[2] * y[1]);
    Values pixels;
    int64_t padded = 0;
    for (int64_t u = 0; u < kernel.h; ++u) {
      for (int64_t v = 0; v < kernel.w; ++v) {
        const int64_t h = top + u * dilation.h;
        const int64_t w = left + v * dilation.w;
        padded += h < c.x[1] + pad.bottom && w < c.x[2] + pad.right ? 1 : 0;
        if (h < 0 || h >= c.x[1] || w < 0 || w >= c.x[2]) continue;
        pixels.push_back(x[static_cast<size_t>(((image * c.x[1] + h) * c.x[2] + w) * c.x[3] + ch)]);
      }
    }
    result.push_back(join(pixels, padded));
  }
  return result;
}

double largest(const Values& pixels, int64_t) { return *std::ranges::max_element(pixels); }

Tensor tensor(const Values& values, const Shape& shape) {
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape);
}

/// y = f(x) and the gradient of sum(dy y), from the tape.
template <class F>
std::pair<Tensor, Tensor> run(const F& f, const Tensor& x0, const Tensor* dy = nullptr) {
  Tensor x = x0.clone();
  Tape tape;
  tape.watch(x);
  const Tensor y = f(x);
  const Tensor cotangent = dy == nullptr ? Tensor::full(y.shape(), 1.0F) : *dy;
  return {y, tape.backward(std::span(&y, 1), std::span(&cotangent, 1)).of(x)};
}

const std::vector<Case> cases = {
    {{2, 7, 6, 3}, {{3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}}},
    {{1, 8, 8, 17}, {{3, 3}, {2, 2}, {1, 1}, {0, 1, 0, 1}}, false, false},
    {{1, 7, 7, 8}, {{2, 2}, {2, 2}}, true},
    {{1, 7, 7, 4}, {{2, 2}, {2, 2}}, true, false},
    {{1, 6, 9, 5}, {{3, 2}, {1, 2}, {1, 1}, {1, 0, 1, 0}}},
    {{2, 5, 5, 1}, {{5, 5}, {5, 5}}},
    {{1, 6, 6, 33}, {{3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}}, true},
    {{1, 9, 8, 2}, {{2, 2}, {3, 1}}},
};

TEST_CASE("pool2d: values and gradients are those of the formula", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const size_t index = GENERATE(range(size_t{0}, cases.size()));
  const Case& c = cases[index];
  CAPTURE(index);
  const auto maximum = [&](const Tensor& x) { return max_pool2d(x, c.window, c.ceil); };
  const auto mean = [&](const Tensor& x) {
    return avg_pool2d(x, c.window, {.ceil_mode = c.ceil, .count_include_pad = c.count_pad});
  };
  const auto average = [&](const Values& pixels, int64_t padded) {
    double sum = 0;
    for (const double p : pixels) sum += p;
    return sum / static_cast<double>(c.count_pad ? padded : static_cast<int64_t>(pixels.size()));
  };
  const Values x = randoms<double>(c.x.numel(), 1);
  const Tensor images = tensor(x, c.x);
  const Shape shape = maximum(images).shape();
  const Values dy = randoms<double>(shape.numel(), 2);
  const Tensor cotangent = tensor(dy, shape);

  const auto [y, dx] = run(maximum, images, &cotangent);
  CHECK(max_error(y.values(), pool(c, x, shape, largest)) == 0);
  // The step is below the distance of any two random pixels.
  const auto want =
      differences([&](const Values& v) { return dot(pool(c, v, shape, largest), dy); }, x, 1e-7);
  CHECK(max_error(dx.values(), want) < 1e-6);

  const auto [mean_y, mean_dx] = run(mean, images, &cotangent);
  REQUIRE(mean_y.shape() == shape);
  CHECK(max_error(mean_y.values(), pool(c, x, shape, average)) < 1e-6);
  const auto mean_want =
      differences([&](const Values& v) { return dot(pool(c, v, shape, average), dy); }, x, 1);
  CHECK(max_error(mean_dx.values(), mean_want) < 1e-6);
}

TEST_CASE("max_pool2d: dilation and indices", "[ops]") {
  const Case c{{1, 9, 10, 3}, {{2, 3}, {2, 1}, {3, 2}, {1, 1, 2, 2}}};
  const Tensor x = test::random_tensor(c.x, 1);
  const auto [y, indices] = max_pool2d_with_indices(x, c.window);
  CHECK(max_error(y.values(), pool(c, test::to_double(x.values()), y.shape(), largest)) == 0);
  for (size_t i = 0; i < indices.size(); ++i) {
    const auto at = static_cast<size_t>(indices[i]) * 3 + i % 3;
    CHECK(x.values()[at] == y.values()[i]);
  }
}

TEST_CASE("max_pool2d: the first of equal pixels wins, and a NaN over all", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const Window window{{1, 3}, {1, 3}};
  const auto gradient = [&](std::vector<float> row) {
    return run([&](const Tensor& x) { return max_pool2d(x, window); },
               Tensor::from(row, {1, 1, 3, 1}))
        .second;
  };
  const auto same = [](const Tensor& t, std::vector<float> want) {
    return std::ranges::equal(t.values(), want);
  };
  CHECK(same(gradient({2, 2, 1}), {1, 0, 0}));
  CHECK(same(gradient({1, 2, 2}), {0, 1, 0}));
  CHECK(same(gradient({-kInf, -kInf, -kInf}), {1, 0, 0}));
  CHECK(same(gradient({0.0F, -0.0F, 0.0F}), {1, 0, 0}));
  CHECK(same(gradient({3, kNan, 5}), {0, 1, 0}));
  CHECK(same(gradient({kNan, kNan, 5}), {0, 1, 0}));
  CHECK(std::isnan(
      max_pool2d(Tensor::from(std::vector{1.0F, kNan, 5.0F}, {1, 1, 3, 1}), window).item()));
  // Overlapping windows add up.
  const Tensor peak = Tensor::from(std::vector{0.0F, 1.0F, 0.0F, 0.0F}, {1, 1, 4, 1});
  CHECK(same(run([](const Tensor& x) { return max_pool2d(x, {{1, 2}, {1, 1}}); }, peak).second,
             {0, 2, 1, 0}));
}

TEST_CASE("adaptive pooling cuts images as PyTorch does", "[ops]") {
  // 7 into 3: [0, 3), [2, 5), [4, 7).
  const Tensor x =
      Tensor::from(std::vector{1.0F, 5.0F, 3.0F, 2.0F, 4.0F, 0.0F, 6.0F}, {1, 1, 7, 1});
  const auto [y, dx] = run([](const Tensor& t) { return adaptive_max_pool2d(t, {1, 3}); }, x);
  CHECK(std::ranges::equal(y.values(), std::vector{5.0F, 4.0F, 6.0F}));
  CHECK(std::ranges::equal(dx.values(), std::vector{0.0F, 1.0F, 0.0F, 0.0F, 1.0F, 0.0F, 1.0F}));
  CHECK(adaptive_max_pool2d_with_indices(x, {1, 3}).indices == std::vector{1, 4, 6});
  const auto [mean, dmean] = run([](const Tensor& t) { return adaptive_avg_pool2d(t, {1, 3}); }, x);
  CHECK(max_error(mean.values(), Values{3, 3, 10.0 / 3}) < 1e-6);
  const double third = 1.0 / 3;
  CHECK(max_error(dmean.values(), Values{third, third, 2 * third, third, 2 * third, third, third}) <
        1e-6);
  // More places than pixels.
  const Tensor wide = adaptive_avg_pool2d(x, {2, 14});
  REQUIRE(wide.shape() == Shape{1, 2, 14, 1});
  CHECK(wide.values()[1] == 1);
  CHECK(adaptive_avg_pool2d(x, {0, 3}).numel() == 0);
}

TEST_CASE("avg_pool2d: a divisor of one's own", "[ops]") {
  const Tensor x = Tensor::from(std::vector{1.0F, 2.0F, 3.0F, 4.0F}, {1, 2, 2, 1});
  CHECK(avg_pool2d(x, {{2, 2}}, {.divisor = 5}).item() == 2);
  CHECK(avg_pool2d(x, {{2, 2}}, {.divisor = -5}).item() == -2);
}

TEST_CASE("pool2d: kernels agree with the reference bit by bit on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const kernels::Pool2d& kernel = *kernels::active().pool2d;
  const int64_t shift = GENERATE(0, 1, 3);  // floats of misalignment
  for (const int64_t channels : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33}) {
    const kernels::PoolWindow window{3, 2, 5 * channels, 2 * channels};
    std::vector<float> x = randoms(15 * channels + shift, 1);
    x[static_cast<size_t>(shift)] = kNan;
    const auto n = static_cast<size_t>(channels + shift);
    std::vector<float> got[4];
    std::vector<float> want[4];
    for (int i = 0; i < 4; ++i) got[i] = want[i] = std::vector<float>(n + 1, 7.0F);
    const auto at = [&](std::vector<float>& v) { return v.data() + shift; };
    kernel.max(window, channels, at(x), at(got[0]), at(got[1]));
    reference::pool2d_max(window, channels, at(x), at(want[0]), at(want[1]));
    kernel.sum(window, channels, at(x), 0.25F, at(got[2]));
    reference::pool2d_sum(window, channels, at(x), 0.25F, at(want[2]));
    kernel.add_where(channels, at(x), at(got[1]), 2.0F, at(got[3]));
    reference::pool2d_add_where(channels, at(x), at(want[1]), 2.0F, at(want[3]));
    kernel.add_scaled(channels, at(x), 0.5F, at(got[3]));
    reference::pool2d_add_scaled(channels, at(x), 0.5F, at(want[3]));
    CAPTURE(channels, shift);
    for (int i = 0; i < 4; ++i) {
      const Shape shape{static_cast<int64_t>(n + 1)};
      CHECK(same_bits(Tensor::from(got[i], shape), Tensor::from(want[i], shape)));
    }
  }
}

TEST_CASE("pool2d: the number of threads changes no bit", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor x = test::random_tensor({3, 33, 32, 24}, 1);
  const Window window{{3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}};
  test::same_on_any_threads([&] {
    const auto [a, da] = run([&](const Tensor& t) { return max_pool2d(t, window); }, x);
    const auto [b, db] = run([&](const Tensor& t) { return avg_pool2d(t, window); }, x);
    return std::vector{a, da, b, db};
  });
}

TEST_CASE("pool2d: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 8, 8, 4});
  CHECK_THROWS_WITH(max_pool2d(Tensor::zeros({8, 8, 4}), {{2, 2}}),
                    "[max_pool2d] x must be (B, H, W, C), got (8, 8, 4)");
  CHECK_THROWS_WITH(avg_pool2d(x, {{3, 3}, {1, 1}, {1, 1}, {2, 0, 0, 0}}),
                    "[avg_pool2d] padding (2, 0) must be at most half of the window, 1");
  CHECK_THROWS_WITH(adaptive_avg_pool2d(x, {-1, 2}),
                    "[adaptive_avg_pool2d] sides (-1, 2) must be from 0 to 1048576");
  CHECK_THROWS_AS(max_pool2d(x, {{9, 1}}), ShapeError);
  CHECK_THROWS_AS(max_pool2d(x, {{2, 2}, {0, 1}}), UsageError);
  CHECK_THROWS_AS(max_pool2d(x, {{0, 2}}), ShapeError);
  CHECK_THROWS_AS(max_pool2d(x, {{2, 2}, {1, 1}, {1, INT64_MAX}}), UsageError);
  CHECK_THROWS_AS(avg_pool2d(x, {{2, 2}, {1, 1}, {2, 2}}), UsageError);
  CHECK_THROWS_AS(avg_pool2d(x, {{2, 2}}, {.divisor = 0}), UsageError);
  CHECK_THROWS_AS(adaptive_max_pool2d(x, {1, INT64_MAX}), ShapeError);
  CHECK_THROWS_AS(adaptive_max_pool2d(Tensor::zeros({1, 0, 8, 4}), {1, 1}), ShapeError);
  CHECK_THROWS_AS(max_pool2d(Tensor(), {{2, 2}}), ShapeError);
  // Every third pixel from before the image to behind it: none is inside.
  CHECK_THROWS_AS(max_pool2d(Tensor::zeros({1, 1, 1, 1}), {{2, 2}, {1, 1}, {2, 2}, {1, 1, 1, 1}}),
                  ShapeError);
  CHECK(max_pool2d(Tensor::zeros({0, 8, 8, 4}), {{2, 2}}).shape() == Shape{0, 7, 7, 4});
}

}  // namespace
}  // namespace vitrine
