// Products with bf16 weights: on some ISAs those are widened, on others activations are rounded
// too and both are multiplied as they are.
//   values     the rounded operands' product, within the error of sums in f32; tails, convolutions
//   bits       for any number of threads, and of a row or picture alone or among others
//   rounding   ties to even, what is no number, what is too large
//   weights    come back rounded, and an ISA that is set later has them
// Not here: what a network loses (tests/program), files (models/weights).

#include <catch2/catch.hpp>
#include <limits>

#include "ops/conv2d.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/gemm.hpp"
#include "ops/linear.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"
#include "tests/ops/narrow_weights.hpp"

namespace vitrine {
namespace {

using test::frozen;
using test::random_tensor;
using test::same_bits;

Tensor rounded(const Tensor& x) {
  Tensor to = x.clone();
  float* values = to.mutable_data();
  for (int64_t i = 0; i < x.numel(); ++i) values[i] = from_bfloat16(to_bfloat16(values[i]));
  return to;
}

/// What is multiplied with the rounded weights.
Tensor operand(const Tensor& x) {
  return kernels::narrow_of(active_isa()).gemm_bf16 != nullptr ? rounded(x) : x;
}

TEST_CASE("bf16 product: values and bits of linear", "[ops][bf16]") {
  const ScopedIsa isa(test::each_isa());
  for (const auto& [m, n, k] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 1}, {3, 5, 7}, {197, 50, 64}, {30, 97, 201}, {64, 24, 5000}}) {
    CAPTURE(m, n, k);
    const Tensor x = random_tensor({m, k}, 1, 3);
    const Tensor plain = random_tensor({n, k}, 2);
    const Tensor bias = random_tensor({n}, 3);
    const Tensor weight = frozen(plain.clone(), Precision::kBfloat16);
    const Tensor y = test::checked_linear(x, weight, bias);
    const Tensor a = operand(x);
    const Tensor w = rounded(plain);
    bool within = true;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = static_cast<double>(bias.data()[j]);
        double size = std::abs(sum);
        for (int64_t p = 0; p < k; ++p) {
          const double term =
              static_cast<double>(a.data()[i * k + p]) * static_cast<double>(w.data()[j * k + p]);
          sum += term;
          size += std::abs(term);
        }
        // A chain of sums: each rounds by half a unit in the last place.
        const double bound = static_cast<double>(k + 2) * 0x1p-24 * size;
        within &= std::abs(static_cast<double>(y.data()[i * n + j]) - sum) <= bound;
      }
    }
    CHECK(within);
  }
}

TEST_CASE("bf16 product: whole numbers are exact", "[ops][bf16]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t k = 77;
  Tensor x = Tensor::empty({9, k});
  Tensor plain = Tensor::empty({50, k});
  Random random(1, RandomPlace::kTest, 1);
  for (Tensor* t : {&x, &plain}) {
    float* values = t->mutable_data();
    for (int64_t i = 0; i < t->numel(); ++i) {
      values[i] = static_cast<float>(random.below(257)) - 128;
    }
  }
  const Tensor want = linear(x, plain, Tensor());
  CHECK(same_bits(linear(x, frozen(plain, Precision::kBfloat16), Tensor()), want));
}

TEST_CASE("bf16 product: what is no number is not hidden", "[ops][bf16]") {
  const ScopedIsa isa(test::each_isa());
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  const int64_t k = 37;
  std::vector<float> ones(static_cast<size_t>(9 * k), 1.0F);
  const Tensor weight = frozen(Tensor::from(ones, {9, k}), Precision::kBfloat16);
  const auto with = [&](float one) {
    std::vector<float> x(static_cast<size_t>(k), 1.0F);
    x.back() = one;
    return linear(Tensor::from(x, {1, k}), weight, Tensor());
  };
  for (const float y : with(kNone).values()) CHECK(std::isnan(y));
  for (const float y : with(kInfinity).values()) CHECK(y == kInfinity);
  for (const float y : with(-kInfinity).values()) CHECK(y == -kInfinity);
  // Beyond the largest number of bf16 lies infinity; halves go to even.
  CHECK(from_bfloat16(to_bfloat16(std::numeric_limits<float>::max())) == kInfinity);
  CHECK(from_bfloat16(to_bfloat16(1.0F + 0x1p-8F)) == 1.0F);
  CHECK(from_bfloat16(to_bfloat16(1.0F + 3 * 0x1p-8F)) == 1.0F + 4 * 0x1p-8F);
  CHECK(std::isnan(from_bfloat16(to_bfloat16(std::bit_cast<float>(0x7F800001)))));
}

TEST_CASE("bf16 conversion: every kernel rounds as the definition does", "[ops][bf16]") {
  const ScopedIsa isa(test::each_isa());
  const kernels::Gemm& kernel = *kernels::active().gemm;
  Random random(1, RandomPlace::kTest, 2);
  for (const int64_t n : {1, 7, 16, 33, 1000}) {
    std::vector<float> from(static_cast<size_t>(n));
    for (float& v : from) v = std::bit_cast<float>(random.next_u32());  // any float at all
    std::vector<uint16_t> to(from.size());
    kernel.narrow(n, from.data(), to.data());
    std::vector<float> back(from.size());
    kernel.widen(n, to.data(), back.data());
    for (size_t i = 0; i < from.size(); ++i) {
      CHECK(to[i] == to_bfloat16(from[i]));
      CHECK(std::bit_cast<uint32_t>(back[i]) == uint32_t{to[i]} << 16);
    }
  }
}

TEST_CASE("bf16 convolution: any kernel, and a picture alone or among others", "[ops][bf16]") {
  const ScopedIsa isa(test::each_isa());
  for (const test::ConvCase& c : test::kConvCases) {
    CAPTURE(c.channels, c.kernel, c.stride);
    const Tensor pictures = random_tensor({3, 13, 12, c.channels}, 1);
    const Tensor plain = random_tensor({c.outputs, c.channels, c.kernel, c.kernel}, 2);
    const Tensor bias = random_tensor({c.outputs}, 3);
    const Conv2dOptions options = c.options();
    const Tensor weight = frozen(plain.clone(), Precision::kBfloat16);
    const Tensor y = test::checked_conv2d(pictures, weight, bias, options);
    const Tensor want = conv2d(operand(pictures), rounded(plain), bias, options);
    CHECK(test::max_error(y.values(), want.values()) < 2e-6);
  }
}

TEST_CASE("bf16 weights: rounded once, and the same when the ISA changes", "[ops][bf16]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor plain = random_tensor({33, 71}, 1);
  const Tensor weight = frozen(plain.clone(), Precision::kBfloat16);
  const Tensor want = rounded(plain);
  REQUIRE(packed_weight(weight)->precision() == Precision::kBfloat16);
  {
    const ScopedIsa other(Isa::kReference);
    const auto there = packed_weight(weight);
    REQUIRE(there->precision() == Precision::kBfloat16);
    Tensor back = Tensor::empty(plain.shape());
    there->unpack_transposed(back.mutable_data());
    CHECK(same_bits(back, want));
  }
  CHECK(packed_weight(weight)->isa() == active_isa());
  CHECK(same_bits(Tensor::from(std::vector<float>(weight.values().begin(), weight.values().end()),
                               plain.shape()),
                  want));
}

}  // namespace
}  // namespace vitrine
