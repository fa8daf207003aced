// Products with int8 weights.
//   integers   the same sums on every ISA from the same operands, with the largest ones too
//   values     the integers' own result, exactly quantised, for every tail, and for convolutions
//   error      against the product in floats: within the bound of ops/gemm/int8.md
//   rounding   scales, zeros, rows that are constant, tiny, or no numbers
//   bits       for any number of threads, and of a picture alone or among others
//   weights    the integers come back from every ISA's order, and an ISA that is set later has them
// Not here: what a network loses (tests/program), files (models/weights).

#include "ops/gemm/gemm_int8.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "core/error.hpp"
#include "ops/conv2d.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/gemm_int8.hpp"
#include "ops/linear.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"
#include "tests/ops/narrow_weights.hpp"

namespace vitrine {
namespace {

using kernels::GemmInt8;
using kernels::RowScale;
using test::frozen;
using test::random_tensor;
using test::same_bits;

/// Rows of integers, as a kernel's `quantize` would write them.
struct Integers {
  int64_t rows, k;
  std::vector<int> values;
  std::vector<RowScale> scales;
};

/// The sums that the kernel of one ISA gives, through C.
std::vector<float> sums(Isa isa, const Integers& a, const Int8Rows& b) {
  const ScopedIsa scope(isa);
  const GemmInt8& kernel = *kernels::narrow_of(isa).gemm_int8;
  const Int8Matrix matrix(b);
  const int64_t pitch = matrix.steps() * kernel.step + 5;
  std::vector<uint8_t> bytes(static_cast<size_t>((a.rows + kernel.tile_rows - 1) * pitch), 0xAB);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t p = 0; p < a.k; ++p) {
      const int q = a.values[static_cast<size_t>(i * a.k + p)];
      bytes[static_cast<size_t>(i * pitch + p)] = static_cast<uint8_t>(q ^ kernel.flip);
    }
  }
  std::vector<float> c(static_cast<size_t>(a.rows * b.n), -1);
  const kernels::MicroPanels cut = kernel.cut();
  for (int64_t p = 0; p < cut.count(b.n); ++p) {
    const auto repeated = matrix.repeated(p);
    kernel.multiply({.rows = a.rows,
                     .columns = cut.columns(b.n, p),
                     .steps = matrix.steps(),
                     .a = bytes.data(),
                     .a_pitch = pitch,
                     .row_scale = a.scales.data(),
                     .b = matrix.panel(p),
                     .repeated = repeated.data(),
                     .repeats = static_cast<int64_t>(repeated.size()),
                     .ahead = matrix.panel(p),
                     .ahead_bytes = 0,
                     .scale = matrix.scales(p),
                     .weights = matrix.sums(p),
                     .c = c.data() + cut.begin(b.n, p),
                     .c_pitch = b.n,
                     .epilogue = {}});
  }
  return c;
}

/// The sums by the definition.
std::vector<float> wanted_sums(const Integers& a, const Int8Rows& b) {
  std::vector<float> c;
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = 0; j < b.n; ++j) {
      int64_t sum = 0;
      for (int64_t p = 0; p < a.k; ++p) {
        const int q = a.values[static_cast<size_t>(i * a.k + p)];
        sum += (q - a.scales[static_cast<size_t>(i)].zero) *
               b.values[static_cast<size_t>(j * b.k + p)];
      }
      c.push_back(static_cast<float>(sum));
    }
  }
  return c;
}

/// Integers of every size up to `most`; every `every`-th is as large as can be.
int any(Random& random, int least, int most, int every) {
  const auto draw = [&](int n) { return static_cast<int>(random.below(static_cast<uint32_t>(n))); };
  if (draw(every) == 0) return draw(2) == 0 ? least : most;
  return least + draw(most - least + 1);
}

TEST_CASE("int8 product: every ISA gives the same integers", "[ops][int8]") {
  const ScopedIsa isa(test::each_isa());
  const GemmInt8& kernel = *kernels::narrow_of(active_isa()).gemm_int8;
  const int every = GENERATE(1, 2, 50);  // 1: nothing but the largest
  for (const int64_t k : {1, 7, 8, 9, 64, 147, 200}) {
    for (const int64_t n : {1, 5, 24, 31, 49}) {
      const int64_t m = n == 31 || n == 49 ? 45 : 13;  // and beyond the largest tile
      CAPTURE(k, n, every);
      Random random(1, RandomPlace::kTest, static_cast<uint64_t>(k * 100 + n));
      Integers a{m, k, {}, {}};
      // Both operands within what all ISAs take; and within what this one does.
      const int levels = k % 2 == 0 ? 127 : kernel.levels;
      for (int64_t i = 0; i < m * k; ++i) a.values.push_back(any(random, 0, levels, every));
      for (int64_t i = 0; i < m; ++i) a.scales.push_back({1, any(random, 0, levels, 3)});
      Int8Rows b{n, k, {}, std::vector<float>(static_cast<size_t>(n), 1.0F)};
      for (int64_t i = 0; i < n * k; ++i) {
        b.values.push_back(static_cast<int8_t>(any(random, -127, 127, every)));
      }
      const std::vector<float> want = wanted_sums(a, b);
      CHECK(sums(active_isa(), a, b) == want);
      CHECK(sums(Isa::kReference, a, b) == want);
      CHECK(Int8Matrix(b).rows().values == b.values);
    }
  }
}

/// x and a weight, both written in integers by this ISA's rule, as a product in double.
std::vector<double> quantised_product(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const GemmInt8& kernel = *kernels::narrow_of(active_isa()).gemm_int8;
  const int64_t k = weight.dim(1);
  const int64_t n = weight.dim(0);
  const Int8Rows rows = Int8Rows::of(n, k, weight.data());
  std::vector<double> y;
  for (int64_t i = 0; i < x.numel() / k; ++i) {
    const float* from = x.data() + i * k;
    const RowScale scale = kernels::row_scale_of(kernel.range(k, from), kernel.levels);
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) {
        const float q = std::nearbyint(from[p] * kernels::inverse_of(scale));
        const float z = static_cast<float>(scale.zero);
        const float a = std::clamp(q, -z, static_cast<float>(kernel.levels) - z);
        sum += static_cast<double>(a) * rows.values[static_cast<size_t>(j * k + p)];
      }
      const double unit = static_cast<double>(scale.scale) *
                          static_cast<double>(rows.scales[static_cast<size_t>(j)]);
      y.push_back(unit * sum + static_cast<double>(bias.data()[j]));
    }
  }
  return y;
}

TEST_CASE("int8 product: values and bits of linear", "[ops][int8]") {
  const ScopedIsa isa(test::each_isa());
  for (const auto& [m, n, k] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 1}, {3, 5, 7}, {197, 50, 64}, {30, 97, 201}, {64, 24, 3072}}) {
    CAPTURE(m, n, k);
    const Tensor x = random_tensor({m, k}, 1, 3);
    const Tensor plain = random_tensor({n, k}, 2);
    const Tensor bias = random_tensor({n}, 3);
    const Tensor weight = frozen(plain.clone(), Precision::kInt8);
    const std::vector<double> want = quantised_product(x, plain, bias);
    CHECK(test::max_error(test::checked_linear(x, weight, bias).values(), want) < 1e-6);
  }
}

TEST_CASE("int8 product: the error against floats is within its bound", "[ops][int8]") {
  const ScopedIsa isa(test::each_isa());
  const GemmInt8& kernel = *kernels::narrow_of(active_isa()).gemm_int8;
  const int64_t k = 300;
  const int64_t n = 20;
  const Tensor x = random_tensor({10, k}, 1);
  const Tensor plain = random_tensor({n, k}, 2);
  const Tensor y = linear(x, frozen(plain.clone(), Precision::kInt8), Tensor());
  const Tensor want = linear(x, plain, Tensor());
  const Int8Rows rows = Int8Rows::of(n, k, plain.data());
  for (int64_t i = 0; i < x.dim(0); ++i) {
    const float* a = x.data() + i * k;
    const RowScale scale = kernels::row_scale_of(kernel.range(k, a), kernel.levels);
    double size_a = 0;
    for (int64_t p = 0; p < k; ++p) size_a += std::abs(static_cast<double>(a[p]));
    for (int64_t j = 0; j < n; ++j) {
      double size_w = 0;
      for (int64_t p = 0; p < k; ++p) {
        size_w += std::abs(static_cast<double>(plain.data()[j * k + p]));
      }
      const auto s_a = static_cast<double>(scale.scale);
      const auto s_w = static_cast<double>(rows.scales[static_cast<size_t>(j)]);
      const double bound = s_a * size_w + s_w / 2 * size_a + static_cast<double>(k) * s_a * s_w / 2;
      const double error =
          static_cast<double>(y.data()[i * n + j]) - static_cast<double>(want.data()[i * n + j]);
      CHECK(std::abs(error) <= bound);
    }
  }
}

TEST_CASE("int8 product: rows that have no range, or no numbers", "[ops][int8]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t k = 37;
  const int64_t n = 9;
  const Tensor weight = frozen(random_tensor({n, k}, 1), Precision::kInt8);
  const Tensor bias = random_tensor({n}, 2);
  const auto with = [&](float everywhere, float one) {
    std::vector<float> x(static_cast<size_t>(k), everywhere);
    x[static_cast<size_t>(k - 1)] = one;
    return linear(Tensor::from(x, {1, k}), weight, bias);
  };
  CHECK(same_bits(with(0, 0), bias.reshape({1, n})));
  CHECK(same_bits(with(1e-42F, -1e-42F), bias.reshape({1, n})));
  for (const float v :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    const Tensor poisoned = with(1, v);
    for (const float y : poisoned.values()) CHECK(std::isnan(y));
  }
  // Positive and negative alone: zero stays 0, exactly.
  const Tensor positive = with(0, 5);
  const Tensor negative = with(0, -5);
  for (int64_t j = 0; j < n; ++j) {
    const float there = positive.data()[j] - bias.data()[j];
    const float back = negative.data()[j] - bias.data()[j];
    CHECK(there == Approx(-back).margin(1e-5));
  }
  // A weight of zeros, and one that is no number.
  std::vector<float> rows(static_cast<size_t>(2 * k), 0.0F);
  rows[static_cast<size_t>(k)] = std::numeric_limits<float>::infinity();
  const Tensor odd = linear(random_tensor({1, k}, 3),
                            frozen(Tensor::from(rows, {2, k}), Precision::kInt8), Tensor());
  CHECK(odd.data()[0] == 0);
  CHECK(std::isnan(odd.data()[1]));
}

TEST_CASE("int8 convolution: a picture's scale, zeros outside, any kernel", "[ops][int8]") {
  const ScopedIsa isa(test::each_isa());
  for (const test::ConvCase& c : test::kConvCases) {
    CAPTURE(c.channels, c.kernel, c.stride);
    const Tensor pictures = random_tensor({3, 13, 12, c.channels}, 1);
    const Tensor plain = random_tensor({c.outputs, c.channels, c.kernel, c.kernel}, 2);
    const Tensor bias = random_tensor({c.outputs}, 3);
    const Conv2dOptions options = c.options();
    const Tensor weight = frozen(plain.clone(), Precision::kInt8);
    const Tensor y = test::checked_conv2d(pictures, weight, bias, options);
    // Exactly the convolution of what the integers stand for.
    const GemmInt8& table = *kernels::narrow_of(active_isa()).gemm_int8;
    Tensor rounded = pictures.clone();
    const int64_t numel = 13 * 12 * c.channels;
    for (int64_t i = 0; i < 3; ++i) {
      float* picture = rounded.mutable_data() + i * numel;
      const RowScale scale = kernels::row_scale_of(table.range(numel, picture), table.levels);
      const auto z = static_cast<float>(scale.zero);
      for (int64_t p = 0; p < numel; ++p) {
        const float q = std::nearbyint(picture[p] * kernels::inverse_of(scale));
        picture[p] = scale.scale * std::clamp(q, -z, static_cast<float>(table.levels) - z);
      }
    }
    const Tensor same = Tensor::from(
        std::vector<float>(weight.values().begin(), weight.values().end()), plain.shape());
    const Tensor want = conv2d(rounded, same, bias, options);
    CHECK(test::max_error(y.values(), want.values()) < 2e-6);
    CHECK(test::max_error(same.values(), plain.values()) < 0.5 / 127);
  }
}

TEST_CASE("int8 weights: kept once, and in integers when the ISA changes", "[ops][int8]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor plain = random_tensor({33, 70}, 1);
  const Tensor x = random_tensor({5, 70}, 2);
  Tensor weight = plain.clone();
  weight.freeze();
  CHECK(packed_weight(weight)->precision() == Precision::kFloat32);
  pack_weight(weight, Precision::kInt8);
  const auto packed = packed_weight(weight);
  REQUIRE(packed->precision() == Precision::kInt8);
  const Int8Rows rows = dynamic_cast<const Int8Matrix&>(*packed).rows();
  {
    const ScopedIsa other(Isa::kReference);
    const auto there = packed_weight(weight);
    REQUIRE(there->precision() == Precision::kInt8);
    const Int8Rows again = dynamic_cast<const Int8Matrix&>(*there).rows();
    CHECK(again.values == rows.values);
    CHECK(again.scales == rows.scales);
  }
  CHECK(packed_weight(weight)->precision() == Precision::kInt8);
  CHECK_THROWS_AS(Int8Matrix(1, GemmInt8::kMostK + 1, {}, {}), ShapeError);
}

}  // namespace
}  // namespace vitrine
