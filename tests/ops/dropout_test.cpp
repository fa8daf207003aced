// dropout and drop path.
//   kernel     every ISA has the bits of the reference, whose random numbers are core/random's:
//              lengths around the groups of 64, misaligned, any first group
//   statistics the share that is kept, independence of neighbours and of keys: 5 deviations
//   operation  tape (backward uses the same mask), threads, p = 0 and 1, given masks, errors
// Not here: the values of PyTorch with given masks (golden_check).

#include "ops/dropout.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/dropout.hpp"
#include "ops/reference/dropout.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::randoms;
using test::same_bits;

constexpr RandomKey kKey{42, (uint64_t{3} << 32) + 7, 5};

TEST_CASE("dropout: kernels have the bits of the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t n = GENERATE(1, 3, 4, 15, 16, 17, 31, 63, 64, 65, 80, 100, 127, 129, 1000);
  const int64_t first = GENERATE(0, 64, int64_t{64} << 26);  // the last one crosses 2^32 elements
  const int64_t shift = n % 3;                               // floats of misalignment
  const bool ones = n % 2 == 0;
  const kernels::DropoutMask mask{kKey.seed, kKey.step, 77, 0.3F, 1.25F};
  INFO("n " << n << ", first " << first << ", shift " << shift);
  const auto x = randoms(n + shift, 1);
  std::vector<float> got(x.size() + 1, 7.0F);
  std::vector<float> want(x.size() + 1, 7.0F);
  const float* from = ones ? nullptr : x.data() + shift;
  kernels::active().dropout->apply(n, first, mask, from, got.data() + shift);
  reference::dropout_apply(n, first, mask, from, want.data() + shift);
  CHECK(got == want);

  // In place.
  std::vector<float> same = x;
  same.push_back(7.0F);
  if (!ones) {
    kernels::active().dropout->apply(n, first, mask, same.data() + shift, same.data() + shift);
    CHECK(std::equal(same.begin() + shift, same.end(), want.begin() + shift));
  }
}

TEST_CASE("dropout: scaling of rows agrees with the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t width = GENERATE(1, 3, 4, 7, 8, 9, 16, 17, 33);
  const bool with_residual = GENERATE(true, false);
  const int64_t rows = 3;
  const std::vector<double> factor{1.5, 0.0, 1.0};
  const auto x = randoms<double>(rows * width, 1);
  const auto residual = randoms<double>(rows * width, 2);
  std::vector<double> want(x.size());
  reference::dropout_scale_rows(rows, width, factor.data(), x.data(),
                                with_residual ? residual.data() : nullptr, want.data());
  const std::vector<float> xf(x.begin(), x.end());
  const std::vector<float> rf(residual.begin(), residual.end());
  const std::vector<float> ff(factor.begin(), factor.end());
  std::vector<float> got(x.size() + 1, 7.0F);
  kernels::active().dropout->scale_rows(rows, width, ff.data(), xf.data(),
                                        with_residual ? rf.data() : nullptr, got.data());
  CHECK(test::max_error(std::span(got).first(x.size()), want) < 2e-7);
  CHECK(got.back() == 7.0F);
}

/// The mask of n ones under a key, as 0 and 1.
std::vector<int> mask_of(int64_t n, float p, const RandomKey& key) {
  const Tensor y = dropout(Tensor::full({n}, 1.0F), p, key);
  std::vector<int> mask;
  for (const float v : y.values()) mask.push_back(v != 0 ? 1 : 0);
  return mask;
}

/// Share of places where both masks keep, in deviations from the product of their shares.
double dependence(std::span<const int> a, std::span<const int> b, double keep) {
  double both = 0;
  for (size_t i = 0; i < a.size(); ++i) both += a[i] * b[i];
  const auto n = static_cast<double>(a.size());
  const double expected = keep * keep;
  return (both / n - expected) / std::sqrt(expected * (1 - expected) / n);
}

TEST_CASE("dropout: the mask keeps the right share, independently", "[ops][statistics]") {
  const ScopedIsa isa(test::each_isa());
  constexpr int64_t kN = 1 << 16;
  const float p = GENERATE(0.1F, 0.5F, 0.9F);
  const double keep = 1.0 - static_cast<double>(p);
  const auto mask = mask_of(kN, p, kKey);
  double kept = 0;
  for (const int m : mask) kept += m;
  CHECK(std::abs(kept / kN - keep) < 5 * std::sqrt(keep * (1 - keep) / kN));

  // Neighbours, and elements whose numbers come from the same Philox block (16 apart).
  for (const size_t lag : {size_t{1}, size_t{4}, size_t{16}, size_t{64}}) {
    const std::span all(mask);
    CHECK(std::abs(dependence(all.first(kN - lag), all.subspan(lag), keep)) < 5);
  }
  for (const RandomKey& other : {RandomKey{43, kKey.step, 5}, RandomKey{42, kKey.step + 1, 5},
                                 RandomKey{42, 7, 5}, RandomKey{42, kKey.step, 6}}) {
    const auto another = mask_of(kN, p, other);
    CHECK(another != mask);
    CHECK(std::abs(dependence(mask, another, keep)) < 5);
  }
  CHECK(mask_of(kN, p, kKey) == mask);
  // A longer tensor begins with the same mask.
  const auto longer = mask_of(kN + 5, p, kKey);
  CHECK(std::equal(mask.begin(), mask.end(), longer.begin()));
}

TEST_CASE("dropout: backward uses the mask of forward, for any number of threads",
          "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor x0 = test::random_tensor({13, 37, 50}, 1);
  const Tensor dy = test::random_tensor({13, 37, 50}, 2);
  const auto run = [&](int n, auto op) {
    set_threads(n);
    Tensor x = x0.clone();
    Tape tape;
    tape.watch(x);
    const Tensor y = op(x);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    set_threads(0);
    return std::vector{y, g.of(x)};
  };
  const auto check_op = [&](auto op) {
    const auto one = run(1, op);
    for (const int n : {2, 3, 4}) {
      const auto many = run(n, op);
      CHECK(same_bits(one[0], many[0]));
      CHECK(same_bits(one[1], many[1]));
    }
    int64_t wrong = 0;
    int64_t dropped = 0;
    for (int64_t i = 0; i < x0.numel(); ++i) {
      const bool keep = one[0].data()[i] != 0;
      dropped += keep ? 0 : 1;
      const float scale = keep ? 1.0F / (1.0F - 0.4F) : 0.0F;
      if (one[0].data()[i] != x0.data()[i] * scale) ++wrong;
      if (one[1].data()[i] != dy.data()[i] * scale) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(dropped > 0);
    CHECK(dropped < x0.numel());
  };
  check_op([](const Tensor& x) { return dropout(x, 0.4F, kKey); });
  check_op([](const Tensor& x) { return drop_path(x, 0.4F, kKey); });
}

TEST_CASE("drop_path: one flag per sample", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  constexpr int64_t kSamples = 4000;
  const Tensor y = drop_path(Tensor::full({kSamples, 3}, 1.0F), 0.2F, kKey);
  double kept = 0;
  for (int64_t b = 0; b < kSamples; ++b) {
    const float* row = y.data() + b * 3;
    CHECK((row[0] == row[1] && row[1] == row[2]));
    kept += row[0] != 0 ? 1 : 0;
  }
  CHECK(std::abs(kept / kSamples - 0.8) < 5 * std::sqrt(0.16 / kSamples));
  const Tensor unscaled = drop_path(Tensor::full({kSamples, 3}, 1.0F), 0.2F, kKey, false);
  for (int64_t i = 0; i < y.numel(); ++i) {
    CHECK(unscaled.data()[i] == (y.data()[i] != 0 ? 1.0F : 0.0F));
  }
}

TEST_CASE("drop_path_add: the residual plus what drop_path leaves", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  // Samples that go together in a chunk, and samples that are cut into several.
  const int64_t width = GENERATE(3, 9000);
  const float p = GENERATE(0.0F, 0.5F, 1.0F);
  Tensor residual = test::random_tensor({7, width}, 1);
  Tensor branch = test::random_tensor({7, width}, 2);
  const Tensor dy = test::random_tensor({7, width}, 3);
  const Tensor dropped = drop_path(branch, p, kKey);
  Tape tape;
  tape.watch(residual);
  tape.watch(branch);
  const Tensor y = drop_path_add(residual, branch, p, kKey);
  double worst = 0;
  for (int64_t i = 0; i < y.numel(); ++i) {
    worst = std::max(
        worst, std::abs(static_cast<double>(residual.data()[i]) +
                        static_cast<double>(dropped.data()[i]) - static_cast<double>(y.data()[i])));
  }
  CHECK(worst < 1e-6);
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
  CHECK(same_bits(g.of(residual), dy));
  CHECK(same_bits(g.of(branch), drop_path(dy, p, kKey)));
}

TEST_CASE("dropout: p of 0 and 1", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor x = test::random_tensor({5, 7}, 1);
  CHECK(dropout(x, 0, kKey).shares_storage(x));
  CHECK(drop_path(x, 0, kKey).shares_storage(x));
  for (const float v : dropout(x, 1, kKey).values()) CHECK(v == 0.0F);
  for (const float v : drop_path(x, 1, kKey).values()) CHECK(v == 0.0F);
  CHECK(dropout(Tensor::zeros({0, 3}), 0.5F, kKey).numel() == 0);
  CHECK(drop_path(Tensor::zeros({0, 3}), 0.5F, kKey).numel() == 0);
  CHECK(drop_path(Tensor::zeros({3, 0}), 0.5F, kKey).numel() == 0);
  CHECK(dropout(Tensor::scalar(2), 0.5F, kKey).rank() == 0);
}

TEST_CASE("dropout: masks from elsewhere", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  Tensor x = Tensor::from(std::vector{1.0F, 2.0F, 3.0F, 4.0F}, {2, 2});
  const Tensor dy = Tensor::full({2, 2}, 1.0F);
  const auto values = [](const Tensor& t) {
    return std::vector<float>(t.values().begin(), t.values().end());
  };
  const auto run = [&](auto op) {
    Tape tape;
    tape.watch(x);
    const Tensor y = op();
    return std::pair{values(y), values(tape.backward(std::span(&y, 1), std::span(&dy, 1)).of(x))};
  };
  const Tensor keep = Tensor::from(std::vector{1.0F, 0.0F, 0.0F, 1.0F}, {2, 2});
  const auto [y, dx] = run([&] { return apply_keep_mask(x, keep, 0.5F); });
  CHECK(y == std::vector{2.0F, 0.0F, 0.0F, 8.0F});
  CHECK(dx == std::vector{2.0F, 0.0F, 0.0F, 2.0F});
  const Tensor samples = Tensor::from(std::vector{0.0F, 1.0F}, {2});
  const auto [path, dpath] = run([&] { return apply_sample_mask(x, samples, 0.5F); });
  CHECK(path == std::vector{0.0F, 0.0F, 6.0F, 8.0F});
  CHECK(dpath == std::vector{0.0F, 0.0F, 2.0F, 2.0F});
  CHECK(values(apply_sample_mask(x, samples, 0.5F, false)) == std::vector{0.0F, 0.0F, 3.0F, 4.0F});
}

TEST_CASE("dropout: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH(dropout(x, 1.5F, kKey), "[dropout] p must be in [0, 1], got 1.5");
  CHECK_THROWS_AS(dropout(x, -0.1F, kKey), UsageError);
  CHECK_THROWS_AS(dropout(x, std::nanf(""), kKey), UsageError);
  CHECK_THROWS_AS(dropout(Tensor(), 0.1F, kKey), ShapeError);
  CHECK_THROWS_AS(dropout(x, 0.1F, {1, 1, 1U << 24}), UsageError);
  CHECK_THROWS_AS(drop_path(Tensor::scalar(1), 0.1F, kKey), ShapeError);
  CHECK_THROWS_AS(drop_path_add(x, Tensor::zeros({3, 2}), 0.1F, kKey), ShapeError);
  CHECK_THROWS_AS(apply_keep_mask(x, Tensor::zeros({2}), 0.1F), ShapeError);
  CHECK_THROWS_AS(apply_sample_mask(x, Tensor::zeros({3}), 0.1F), ShapeError);
}

}  // namespace
}  // namespace vitrine
