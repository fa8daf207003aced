#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "ops/conv2d.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/linear.hpp"
#include "tests/any_threads.hpp"
#include "tests/numbers.hpp"

// What tests of weights in fewer bits have in common.

namespace vitrine::test {

/// A weight of linear or conv2d, kept in `precision` alone.
inline Tensor frozen(Tensor weight, Precision precision) {
  weight.freeze();
  weight.rank() == 2 ? pack_weight(weight, precision) : pack_conv2d_weight(weight, 1, precision);
  return weight;
}

/// y = x weight^T + bias on any number of threads; a row alone has the bits that it has among
/// others, and the rest of the epilogue is the floats' own.
inline Tensor checked_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  CHECK(weight.storage().moved_out());
  const Tensor y = same_on_any_threads([&] { return std::vector{linear(x, weight, bias)}; })[0];
  CHECK(weight.storage().moved_out());
  const int64_t m = x.dim(0);
  const int64_t n = bias.dim(0);
  CHECK(same_bits(linear(x.rows(m - 1, m), weight, bias), y.rows(m - 1, m)));
  const Tensor residual = random_tensor({m, n}, 4);
  const Tensor scale = random_tensor({n}, 5);
  const Tensor added = linear_add(x, weight, bias, residual, scale);
  const Tensor gelu = linear(x, weight, bias, Activation::kGelu);
  for (int64_t i = 0; i < m * n; i += 7) {
    const auto at = static_cast<size_t>(i);
    const auto v = static_cast<double>(y.values()[at]);
    const double sum = v * static_cast<double>(scale.values()[at % static_cast<size_t>(n)]) +
                       static_cast<double>(residual.values()[at]);
    CHECK(static_cast<double>(added.values()[at]) == Approx(sum).margin(1e-4));
    CHECK(static_cast<double>(gelu.values()[at]) ==
          Approx(v * (1 + std::erf(v / std::sqrt(2.0))) / 2).margin(1e-4));
  }
  return y;
}

struct ConvCase {
  int64_t channels, outputs, kernel, stride, padding;

  Conv2dOptions options() const {
    return {.stride = {stride, stride}, .padding = {padding, padding, padding, padding}};
  }
};
/// A stem, a block's, where every pixel is a row and where not, patches.
inline const std::vector<ConvCase> kConvCases = {
    {3, 10, 7, 2, 3}, {16, 24, 3, 1, 1}, {8, 5, 1, 1, 0}, {7, 9, 1, 2, 0}, {3, 12, 4, 4, 0}};

/// The convolution on any number of threads; a picture alone has the bits that it has among others.
inline Tensor checked_conv2d(const Tensor& pictures, const Tensor& weight, const Tensor& bias,
                             const Conv2dOptions& options) {
  CHECK(weight.storage().moved_out());
  const Tensor y =
      same_on_any_threads([&] { return std::vector{conv2d(pictures, weight, bias, options)}; })[0];
  CHECK(weight.storage().moved_out());
  for (int64_t i = 0; i < pictures.dim(0); ++i) {
    CHECK(same_bits(conv2d(pictures.rows(i, i + 1), weight, bias, options), y.rows(i, i + 1)));
  }
  return y;
}

}  // namespace vitrine::test
