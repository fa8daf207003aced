// Reductions.
//   kernel    every ISA against double: lengths and widths around every vector and block size,
//             misaligned; sums of a million numbers (the error must not grow); NaN and infinities
//   operation every set of axes of a rank-4 tensor against loops over indices in double, with
//             gradients; variance at an offset of 1000 deviations; ties; threads, errors, nothing
// Not here: the values of PyTorch (golden_check).

#include "ops/reduce.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <numeric>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/reduce.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::max_error;
using test::random_tensor;
using test::randoms;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST_CASE("reduce: kernels agree with double on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const kernels::Reduce& kernel = *kernels::active().reduce;
  const int64_t n = GENERATE(0, 1, 2, 7, 15, 16, 17, 33, 100, 300);
  const int64_t width = GENERATE(1, 3, 4, 5, 8, 16, 17, 64, 131);
  const int64_t shift = GENERATE(0, 1);  // floats of misalignment
  const int64_t pitch = width == 1 ? 1 : width + 2;
  const auto x = randoms(n * pitch + shift + 1, 1, 1.0, 3.0);
  const auto center = randoms(width, 2);
  const auto padded = [&] { return std::vector<float>(static_cast<size_t>(width + 1), 7.0F); };
  auto sums = padded(), deviations = padded(), squares = padded(), largest = padded();
  const float* from = x.data() + shift;
  kernel.sum(n, width, pitch, from, sums.data());
  kernel.deviations(n, width, pitch, from, center.data(), deviations.data(), squares.data());
  if (n > 0) kernel.max(n, width, pitch, from, largest.data());

  double error = 0;
  bool max_right = true;
  for (int64_t j = 0; j < width; ++j) {
    const size_t at = static_cast<size_t>(j);
    double sum = 0, size = 1, first = 0, second = 0;
    float best = -kInf;
    for (int64_t r = 0; r < n; ++r) {
      const float value = from[r * pitch + j];
      const double d = static_cast<double>(value) - static_cast<double>(center[at]);
      sum += static_cast<double>(value);
      size += std::abs(d) + std::abs(static_cast<double>(value)) + d * d;
      first += d;
      second += d * d;
      best = std::max(best, value);
    }
    error =
        std::max({error, std::abs(sums[at] - sum) / size, std::abs(deviations[at] - first) / size,
                  std::abs(squares[at] - second) / size});
    max_right = max_right && (n == 0 || largest[at] == best);
  }
  INFO("n " << n << ", width " << width << ", shift " << shift);
  CHECK(error < 5e-7);
  CHECK(max_right);
  for (const auto* v : {&sums, &deviations, &squares, &largest}) CHECK(v->back() == 7.0F);
}

TEST_CASE("reduce: the error of a sum does not grow with its length, on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const kernels::Reduce& kernel = *kernels::active().reduce;
  const int64_t n = 1 << 20;
  const std::vector<float> x(static_cast<size_t>(n), 0.1F);  // every addition rounds the same way
  const double want = static_cast<double>(n) * static_cast<double>(0.1F);
  float run = 0;
  kernel.sum(n, 1, 1, x.data(), &run);
  CHECK(std::abs(run - want) / want < 2e-6);
  float columns[4] = {};
  kernel.sum(n / 4, 4, 4, x.data(), columns);
  for (const float column : columns) CHECK(std::abs(column - want / 4) / (want / 4) < 2e-6);
}

TEST_CASE("reduce: NaN and infinities, on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  for (const int64_t width : {1, 3}) {
    for (const int64_t n : {5, 40, 700}) {
      Tensor x = random_tensor({n, width}, 1);
      float* middle = x.mutable_data() + n / 2 * width;
      std::fill_n(middle, width, kInf);
      for (const float v : sum(x, {0}).values()) CHECK(v == kInf);
      for (const float v : amax(x, {0}).values()) CHECK(v == kInf);
      std::fill_n(x.mutable_data(), width, -kInf);
      for (const float v : sum(x, {0}).values()) CHECK(std::isnan(v));
      for (const float v : amin(x, {0}).values()) CHECK(v == -kInf);
      std::fill_n(middle, width, kNan);
      for (const float v : amax(x, {0}).values()) CHECK(std::isnan(v));
      for (const float v : amin(x, {0}).values()) CHECK(std::isnan(v));
      for (const int32_t i : argmax(x, 0)) CHECK(i == n / 2);
    }
  }
}

/// For every element of a tensor of `shape`, which result it belongs to.
std::vector<size_t> results_of(const Shape& shape, const std::vector<int64_t>& axes) {
  std::vector<size_t> index;
  for (int64_t i = 0; i < shape.numel(); ++i) {
    int64_t rest = i;
    int64_t at = 0;
    int64_t stride = 1;
    for (int64_t axis = shape.rank() - 1; axis >= 0; --axis) {
      const int64_t step = rest % shape[axis];
      rest /= shape[axis];
      if (axes.empty() || std::ranges::count(axes, axis) > 0) continue;
      at += step * stride;
      stride *= shape[axis];
    }
    index.push_back(static_cast<size_t>(at));
  }
  return index;
}

/// What a reduction and its gradient should be, in double.
struct Expected {
  std::vector<double> sum, mean, var, largest;
  std::vector<double> dsum, dmean, dvar, dstd, dmax;

  Expected(const Tensor& x, const Tensor& dy, const std::vector<size_t>& result, double n) {
    const size_t count = static_cast<size_t>(dy.numel());
    sum.resize(count);
    var.resize(count);
    largest.assign(count, -1e30);
    std::vector<double> ties(count);
    for (size_t i = 0; i < result.size(); ++i) {
      sum[result[i]] += static_cast<double>(x.data()[i]);
      largest[result[i]] = std::max(largest[result[i]], static_cast<double>(x.data()[i]));
    }
    for (const double s : sum) mean.push_back(s / n);
    for (size_t i = 0; i < result.size(); ++i) {
      const double d = static_cast<double>(x.data()[i]) - mean[result[i]];
      var[result[i]] += d * d / (n - 1);
      ties[result[i]] += static_cast<double>(x.data()[i]) == largest[result[i]] ? 1 : 0;
    }
    for (size_t i = 0; i < result.size(); ++i) {
      const size_t r = result[i];
      const double g = static_cast<double>(dy.data()[r]);
      const double d = static_cast<double>(x.data()[i]) - mean[r];
      dsum.push_back(g);
      dmean.push_back(g / n);
      dvar.push_back(g * 2 * d / (n - 1));
      dstd.push_back(g * d / (n - 1) / std::sqrt(var[r]));
      dmax.push_back(static_cast<double>(x.data()[i]) == largest[r] ? g / ties[r] : 0);
    }
  }
};

template <class F>
void check_reduction(const char* name, const F& f, const Tensor& x0, const Tensor& dy,
                     const Shape& shape, const std::vector<double>& want,
                     const std::vector<double>& want_dx) {
  Tensor x = x0;
  Tape tape;
  tape.watch(x);
  const Tensor y = f(x);
  INFO(name);
  REQUIRE(y.shape() == shape);
  const Tensor cotangent = dy.reshape(shape);
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&cotangent, 1));
  CHECK(max_error(y.values(), want) < 1e-6);
  REQUIRE(g.of(x).shape() == x.shape());
  CHECK(max_error(g.of(x).values(), want_dx) < 2e-6);
}

TEST_CASE("reduce: every set of axes, forward and backward", "[ops][gradient]") {
  const ScopedIsa isa(test::each_isa());
  const Shape shape{3, 4, 1, 5};
  Tensor x = random_tensor(shape, 1);
  std::fill_n(x.mutable_data(), 8, 4.0F);  // ties
  for (int64_t set = 0; set < 16; ++set) {
    std::vector<int64_t> axes;
    std::vector<int64_t> kept;
    std::vector<int64_t> dropped;
    double n = 1;
    for (int64_t axis = 0; axis < 4; ++axis) {
      const bool gone = set == 0 || (set >> axis & 1) != 0;  // {} means all
      if (set >> axis & 1) axes.push_back(axis);
      if (gone) n *= static_cast<double>(shape[axis]);
      kept.push_back(gone ? 1 : shape[axis]);
      if (!gone) dropped.push_back(shape[axis]);
    }
    if (n == 1) continue;  // no variance
    const Tensor dy = random_tensor(Shape(dropped), 2);
    const Expected want(x, dy, results_of(shape, axes), n);
    std::vector<double> deviations;
    deviations.reserve(want.var.size());
    for (const double v : want.var) deviations.push_back(std::sqrt(v));
    std::vector<double> negative;
    std::vector<int64_t> backwards;  // the same axes by their negative numbers
    for (const int64_t axis : axes) backwards.insert(backwards.begin(), axis - 4);
    for (const bool keepdim : {false, true}) {
      const Shape out = keepdim ? Shape(kept) : Shape(dropped);
      INFO("set " << set << ", keepdim " << keepdim);
      check_reduction(
          "sum", [&](const Tensor& t) { return sum(t, axes, keepdim); }, x, dy, out, want.sum,
          want.dsum);
      check_reduction(
          "mean", [&](const Tensor& t) { return mean(t, backwards, keepdim); }, x, dy, out,
          want.mean, want.dmean);
      check_reduction(
          "var", [&](const Tensor& t) { return var(t, axes, 1, keepdim); }, x, dy, out, want.var,
          want.dvar);
      check_reduction(
          "std", [&](const Tensor& t) { return vitrine::std(t, axes, 1, keepdim); }, x, dy, out,
          deviations, want.dstd);
      check_reduction(
          "amax", [&](const Tensor& t) { return amax(t, axes, keepdim); }, x, dy, out, want.largest,
          want.dmax);
    }
  }
}

TEST_CASE("reduce: amin mirrors amax", "[ops][gradient]") {
  Tensor x = Tensor::from(std::vector{3.0F, 1.0F, 2.0F, 5.0F, 4.0F, 4.0F}, {2, 3});
  Tape tape;
  tape.watch(x);
  const Tensor y = amin(x, {1});
  CHECK(y.data()[0] == 1.0F);
  CHECK(y.data()[1] == 4.0F);
  const Tensor dy = Tensor::full({2}, 1.0F);
  const Tensor dx = tape.backward(std::span(&y, 1), std::span(&dy, 1)).of(x);
  const std::vector<float> want{0, 1, 0, 0, 0.5F, 0.5F};
  CHECK(std::ranges::equal(dx.values(), want));
  CHECK_THROWS_WITH(amin(x, {7}), Catch::Contains("[amin]"));
}

TEST_CASE("reduce: variance far from 0, and of equal numbers", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  for (const Shape& shape : {Shape{1, 3000}, Shape{3000, 1}, Shape{300, 10}}) {
    const auto values = randoms(3000, 1, 1.0, 1000.0);
    const Tensor x = Tensor::from(values, shape);
    const double mean =
        std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    double squares = 0;
    for (const float v : values) squares += std::pow(static_cast<double>(v) - mean, 2);
    CHECK(var(x, {}, 0).item() == Approx(squares / 3000).epsilon(4e-6));
    CHECK(var(x, {}, 7).item() == Approx(squares / 2993).epsilon(4e-6));
  }
  Tensor same = Tensor::full({2, 5}, 3.0F);
  Tape tape;
  tape.watch(same);
  const Tensor y = vitrine::std(same, {1}, 0);
  const Tensor dy = Tensor::full({2}, 1.0F);
  const Tensor dx = tape.backward(std::span(&y, 1), std::span(&dy, 1)).of(same);
  for (const float v : y.values()) CHECK(v == 0.0F);
  for (const float v : dx.values()) CHECK(v == 0.0F);
}

TEST_CASE("reduce: argmax takes the first of the largest", "[ops]") {
  const Tensor x = Tensor::from(std::vector{1.0F, 5.0F, 5.0F, 9.0F, 2.0F, 9.0F}, {2, 3});
  CHECK(argmax(x) == std::vector<int32_t>{1, 0});
  CHECK(argmax(x, 0) == std::vector<int32_t>{1, 0, 1});
  CHECK(argmax(x.reshape({6})) == std::vector<int32_t>{3});
}

TEST_CASE("reduce: sum_to is the transpose of broadcasting", "[ops]") {
  const Tensor x = random_tensor({2, 3, 4}, 1);
  const Tensor full = sum_to(x, {2, 3, 4});
  CHECK(full.shares_storage(x));
  CHECK(test::same_bits(sum_to(x, {3, 4}), sum(x, {0})));
  CHECK(test::same_bits(sum_to(x, {1, 3, 1}), sum(x, {0, 2}, true)));
  CHECK(test::same_bits(sum_to(x, {}), sum(x)));
  CHECK_THROWS_WITH(sum_to(x, {3, 3}), "[sum_to] (3, 3) does not broadcast to (2, 3, 4)");
}

TEST_CASE("reduce: the number of threads", "[ops][threads]") {
  // How work is cut does not depend on the ISA, so the active one will do.
  // Many rows, one long run, long columns in parts, wide rows in strips, reduced axes apart.
  const std::vector<std::pair<Shape, std::vector<int64_t>>> cases = {{{300, 192}, {1}},
                                                                     {{70000}, {0}},
                                                                     {{1, 3000, 24}, {1}},
                                                                     {{3, 16000}, {0}},
                                                                     {{20, 100, 30}, {0, 2}}};
  for (const auto& [shape, reduced] : cases) {
    const std::vector<int64_t> axes = reduced;
    const Tensor x0 = random_tensor(shape, 1);
    const auto run = [&](int n) {
      set_threads(n);
      const std::vector y{sum(x0, axes), var(x0, axes), amax(x0, axes)};
      set_threads(0);
      return y;
    };
    const auto one = run(1);
    for (const int n : {2, 3, 4}) {
      const auto many = run(n);
      INFO(shape.str());
      for (size_t i = 0; i < one.size(); ++i) CHECK(test::same_bits(one[i], many[i]));
    }
    // And right, where parts are joined.
    const auto index = results_of(shape, axes);
    std::vector<double> want(static_cast<size_t>(one[0].numel()));
    std::vector<double> largest(want.size(), -1e30);
    for (size_t i = 0; i < index.size(); ++i) {
      want[index[i]] += static_cast<double>(x0.data()[i]);
      largest[index[i]] = std::max(largest[index[i]], static_cast<double>(x0.data()[i]));
    }
    CHECK(max_error(one[0].values(), want) < 5e-6);
    CHECK(max_error(one[2].values(), largest) == 0);
  }
}

TEST_CASE("reduce: gradients and the number of threads", "[ops][threads]") {
  const Tensor x0 = random_tensor({3, 300, 40}, 1);
  const auto run = [&](int n) {
    set_threads(n);
    Tensor x = x0.clone();
    Tape tape;
    tape.watch(x);
    const std::vector y{sum(x, {1}), var(x, {1}), amax(x, {1})};
    const std::vector dy(3, random_tensor({3, 40}, 2));
    const Tensor dx = tape.backward(y, dy).of(x);
    set_threads(0);
    return dx;
  };
  const Tensor one = run(1);
  for (const int n : {2, 3, 4}) CHECK(test::same_bits(run(n), one));
}

TEST_CASE("reduce: nothing, and arguments that do not fit", "[ops][errors]") {
  const Tensor none = Tensor::zeros({3, 0, 2});
  CHECK(std::ranges::equal(sum(none, {1}).values(), std::vector<float>(6, 0.0F)));
  CHECK(std::isnan(mean(none).item()));
  CHECK(std::isnan(var(Tensor::scalar(1)).item()));
  CHECK(amax(none, {0}).shape() == Shape{0, 2});
  CHECK(sum(Tensor::scalar(2)).item() == 2.0F);
  CHECK_THROWS_WITH(amax(none, {1}), "[amax] the reduced axes of (3, 0, 2) are empty");
  CHECK_THROWS_WITH(argmax(none, 1), "[argmax] the reduced axes of (3, 0, 2) are empty");

  const Tensor x = Tensor::zeros({2, 197, 768});
  CHECK_THROWS_WITH(sum(x, {3}),
                    "[sum] axes (3) must name axes of (2, 197, 768), each at most once");
  CHECK_THROWS_AS(mean(x, {0, 0}), ShapeError);
  CHECK_THROWS_AS(var(x, {0, -3}), ShapeError);
  CHECK_THROWS_AS(argmax(x, -4), ShapeError);
  CHECK_THROWS_AS(argmax(Tensor::scalar(1)), ShapeError);
  CHECK_THROWS_AS(sum(Tensor()), ShapeError);
}

}  // namespace
}  // namespace vitrine
