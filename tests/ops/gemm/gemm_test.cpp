// gemm: the raw matrix products and their packing.
//   product   every ISA against the textbook loops in double: sizes around every tile, panel and
//             vector, all transposes, row pitches with guards, several blocks of K, nothing (0)
//   epilogue  all activations, with and without each of its parts, against the definition
//   bits      the same for any number of threads, for any cut along m and n, packed or not, in a
//             batch or alone
//   memory    the second call takes no new block
// Not here: tensors, gradients (linear_test, matmul_test), speed (vitrine bench gemm).

#include "ops/gemm/gemm.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/reference/gemm.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::max_error;
using test::randoms;
using test::to_double;

constexpr float kGuard = 7.0F;

/// n random numbers from a pool: drawing them anew would be most of the time of these tests.
std::vector<float> numbers(int64_t n, int64_t offset) {
  static const std::vector<float> pool = randoms(1 << 18, 1);
  std::vector<float> values(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    values[static_cast<size_t>(i)] = pool[static_cast<size_t>((i + offset) % (1 << 18))];
  }
  return values;
}

/// Random operands with `gap` floats between the rows in memory.
struct Case {
  Trans ta, tb;
  int64_t m, n, k, lda, ldb, ldc;
  std::vector<float> a, b;

  Case(Trans ta_, Trans tb_, int64_t m_, int64_t n_, int64_t k_, int64_t gap = 0)
      : ta(ta_), tb(tb_), m(m_), n(n_), k(k_) {
    lda = (ta == Trans::kNo ? k : m) + gap;
    ldb = (tb == Trans::kNo ? n : k) + gap;
    ldc = n + gap;
    a = numbers((ta == Trans::kNo ? m : k) * lda, 0);
    b = numbers((tb == Trans::kNo ? k : n) * ldb, 99991);
  }

  std::vector<float> run(const GemmEpilogue& epilogue = {}, float before = kGuard) const {
    std::vector<float> c(static_cast<size_t>(m * ldc), before);
    gemm(ta, tb, m, n, k, a.data(), lda, b.data(), ldb, c.data(), ldc, epilogue);
    return c;
  }
  std::vector<float> run_packed(const GemmEpilogue& epilogue = {}) const {
    const PackedMatrix packed(k, n, StridedMatrix::of(tb, b.data(), ldb));
    std::vector<float> c(static_cast<size_t>(m * ldc), kGuard);
    gemm(ta, m, a.data(), lda, packed, c.data(), ldc, epilogue);
    return c;
  }
  /// In double; what lies between the rows stays kGuard.
  std::vector<double> want() const {
    const auto x = to_double(a);
    const auto y = to_double(b);
    const bool plain_a = ta == Trans::kNo;
    const bool plain_b = tb == Trans::kNo;
    std::vector<double> c(static_cast<size_t>(m * ldc), kGuard);
    reference::gemm(m, n, k, x.data(), plain_a ? lda : 1, plain_a ? 1 : lda, y.data(),
                    plain_b ? ldb : 1, plain_b ? 1 : ldb, c.data(), ldc);
    return c;
  }
  /// Chains of k roundings of sums that grow like sqrt(k).
  double tolerance() const { return 4e-7 * (1 + std::sqrt(static_cast<double>(k))); }
};

const std::vector<std::pair<Trans, Trans>> transposes = {{Trans::kNo, Trans::kNo},
                                                         {Trans::kNo, Trans::kYes},
                                                         {Trans::kYes, Trans::kNo},
                                                         {Trans::kYes, Trans::kYes}};

TEST_CASE("gemm: products agree with the textbook loops on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const auto [ta, tb] = GENERATE(from_range(transposes));
  // Rows around tiles of 6 and 8; columns around vectors of 4, 8, 16 and panels of 8, 16, 48; K
  // around the transposition's 4 and the packing's 64.
  for (const int64_t m : {1, 5, 6, 7, 8, 9, 17}) {
    for (const int64_t n : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 47, 48, 49, 97}) {
      for (const int64_t k : {1, 2, 3, 4, 5, 69}) {
        const Case c(ta, tb, m, n, k, (m + n) % 4);
        const auto want = c.want();
        CAPTURE(m, n, k);
        CHECK(max_error(c.run(), want) < c.tolerance());
        CHECK(max_error(c.run_packed(), want) < c.tolerance());
      }
    }
  }
}

TEST_CASE("gemm: large products, several chunks of rows and blocks of K", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const auto [ta, tb] = GENERATE(from_range(transposes));
  for (const auto [m, n, k] : {std::array<int64_t, 3>{197, 192, 192},
                               {50, 130, 1023},
                               {9, 50, 1025},
                               {23, 49, 2100},
                               {700, 33, 400}}) {
    const Case c(ta, tb, m, n, k, 1);
    const auto want = c.want();
    CAPTURE(m, n, k);
    CHECK(max_error(c.run(), want) < c.tolerance());
    CHECK(max_error(c.run_packed(), want) < c.tolerance());
  }
}

TEST_CASE("gemm: more rows than one pass packs, more columns than one pass packs", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  // Passes of an L2 of packed A for each thread, and of 2^22 floats of B.
  const Trans ta = GENERATE(Trans::kNo, Trans::kYes);
  for (const auto [m, n, k] :
       {std::array<int64_t, 3>{2100, 3, 1024}, {2, 4300, 1024}, {2200, 2, 1500}}) {
    const Case c(ta, Trans::kYes, m, n, k);
    CAPTURE(m, n, k, ta == Trans::kYes);
    CHECK(max_error(c.run(), c.want()) < c.tolerance());
  }
}

TEST_CASE("gemm: any size may be 0", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const auto [ta, tb] = GENERATE(from_range(transposes));
  const std::vector<float> bias = randoms(20, 3);
  GemmEpilogue epilogue;
  epilogue.bias = bias.data();
  CHECK(Case(ta, tb, 0, 5, 3).run(epilogue).empty());
  CHECK(Case(ta, tb, 5, 0, 3).run(epilogue).empty());
  // An empty sum is 0, and the epilogue still applies.
  const auto c = Case(ta, tb, 7, 20, 0).run(epilogue);
  for (size_t i = 0; i < c.size(); ++i) CHECK(c[i] == bias[i % 20]);
  GemmEpilogue add;
  add.accumulate = true;
  for (const float v : Case(ta, tb, 7, 20, 0).run(add)) CHECK(v == kGuard);
}

TEST_CASE("gemm: every epilogue is what its definition says", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  // bits: bias, scale, residual, pre, relu, before, after
  const int parts = GENERATE(0, 1, 2, 4, 8, 15, 16, 31, 32, 96, 127);
  const auto activation =
      GENERATE(Activation::kNone, Activation::kRelu, Activation::kGelu, Activation::kGeluTanh,
               Activation::kQuickGelu, Activation::kSilu, Activation::kTanh, Activation::kSigmoid);
  // Sums as they are, which the micro-kernel finishes, or around 1.
  const bool scaled = GENERATE(false, true);
  // 1 and 3 blocks of K; whole vectors and tails.
  for (const auto [m, n, k] : {std::array<int64_t, 3>{9, 53, 16}, {7, 96, 16}, {3, 21, 2100}}) {
    const Case c(Trans::kNo, Trans::kYes, m, n, k, 2);
    const auto bias = randoms(n, 3);
    const auto scale = randoms(n, 4);
    const auto residual = randoms(m * (n + 5), 5);
    std::vector<float> pre(static_cast<size_t>(m * (n + 1)), kGuard);
    GemmEpilogue e;
    if (scaled) e.alpha = 2 / std::sqrt(static_cast<float>(k));
    e.activation = activation;
    if ((parts & 1) != 0) e.bias = bias.data();
    if ((parts & 2) != 0) e.scale = scale.data();
    if ((parts & 4) != 0) e.residual = residual.data();
    e.residual_pitch = n + 5;
    if ((parts & 8) != 0) e.preactivation_out = pre.data();
    e.preactivation_out_pitch = n + 1;
    e.relu = (parts & 16) != 0;
    const auto before = randoms(m * (n + 2), 6);
    std::vector<float> after(before.size(), kGuard);
    if ((parts & 32) != 0) e.preactivation_in = before.data();
    if ((parts & 64) != 0) e.activated_out = after.data();
    e.preactivation_in_pitch = n + 2;

    auto want = c.want();
    std::vector<double> want_pre(pre.size(), kGuard);
    std::vector<double> want_after(after.size(), kGuard);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double& w = want[static_cast<size_t>(i * c.ldc + j)];
        w *= static_cast<double>(e.alpha);
        if (e.bias != nullptr) w += static_cast<double>(e.bias[j]);
        if (e.preactivation_out != nullptr)
          want_pre[static_cast<size_t>(i * e.preactivation_out_pitch + j)] = w;
        if (e.preactivation_in != nullptr) {
          const auto at = static_cast<size_t>(i * e.preactivation_in_pitch + j);
          const auto x = static_cast<double>(before[at]);
          w *= reference::activation_derivative(activation, x);
          if (e.activated_out != nullptr) want_after[at] = reference::activate(activation, x);
        } else {
          w = reference::activate(activation, w);
        }
        if (e.scale != nullptr) w *= static_cast<double>(e.scale[j]);
        if (e.residual != nullptr) w += static_cast<double>(e.residual[i * e.residual_pitch + j]);
        if (e.relu) w = std::max(w, 0.0);
      }
    }
    CAPTURE(m, n, k, parts, static_cast<int>(activation), scaled);
    const double tolerance = scaled ? 2e-6 : c.tolerance();
    CHECK(max_error(c.run(e), want) < tolerance);
    CHECK(max_error(pre, want_pre) < tolerance);
    CHECK(max_error(after, want_after) < 2e-6);
    CHECK(max_error(c.run_packed(e), want) < tolerance);
  }
}

TEST_CASE("gemm: accumulate adds to what is there", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const float alpha = GENERATE(0.5F, 1.0F);
  for (const int64_t k : {17, 2100}) {
    const Case c(Trans::kYes, Trans::kNo, 9, 53, k, 2);
    GemmEpilogue e;
    e.accumulate = true;
    e.alpha = alpha;
    auto want = c.want();
    // Where the product is, kGuard + alpha * product; between the rows kGuard.
    for (int64_t i = 0; i < c.m; ++i) {
      for (int64_t j = 0; j < c.n; ++j) {
        double& w = want[static_cast<size_t>(i * c.ldc + j)];
        w = kGuard + static_cast<double>(alpha) * w;
      }
    }
    CHECK(max_error(c.run(e), want) < c.tolerance());
  }
}

TEST_CASE("gemm: a NaN stays in its row and column", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  Case c(Trans::kNo, Trans::kYes, 13, 21, 9);
  c.a[5 * 9 + 3] = std::numeric_limits<float>::quiet_NaN();
  const auto got = c.run();
  for (size_t i = 0; i < 13; ++i) {
    for (size_t j = 0; j < 21; ++j) CHECK(std::isnan(got[i * 21 + j]) == (i == 5));
  }
}

TEST_CASE("gemm: the same bits for any number of threads, cut, and packing", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const auto [ta, tb] = GENERATE(from_range(transposes));
  const Case c(ta, tb, 197, 50, 1100);
  set_threads(1);
  const auto one = c.run();
  for (const int n : {2, 3, 4}) {
    set_threads(n);
    CHECK(c.run() == one);
    CHECK(c.run_packed() == one);
  }
  set_threads(0);
  // Rows [0, 61), [61, 197) and columns [0, 37), [37, 50) on their own.
  std::vector<float> parts(one.size());
  for (const auto& [row, rows] : {std::pair<int64_t, int64_t>{0, 61}, {61, 136}}) {
    for (const auto& [column, columns] : {std::pair<int64_t, int64_t>{0, 37}, {37, 13}}) {
      gemm(ta, tb, rows, columns, c.k, c.a.data() + (ta == Trans::kNo ? row * c.lda : row), c.lda,
           c.b.data() + (tb == Trans::kNo ? column : column * c.ldb), c.ldb,
           parts.data() + row * c.ldc + column, c.ldc);
    }
  }
  CHECK(parts == one);
}

TEST_CASE("gemm: the same bits where a large B is packed panel by panel, or A in passes",
          "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  // Three chunks of rows or more, fewer rows than columns, panels that two threads share evenly.
  for (const auto& [ta, tb] : {std::pair{Trans::kNo, Trans::kYes}, {Trans::kYes, Trans::kNo}}) {
    const Case c(ta, tb, 900, 1056, 1024);
    set_threads(1);
    const auto packed = c.run_packed();
    for (const int n : {1, 2, 3}) {
      set_threads(n);
      CAPTURE(n, ta == Trans::kYes);
      CHECK(c.run() == packed);
    }
    set_threads(0);
  }
}

TEST_CASE("gemm: gradients of weights, A^T B with a long K", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  // More rows than columns, which goes by way of the transpose, and fewer; the columns fill vectors
  // or do not; one block of K and several.
  for (const auto [m, n, k] : {std::array<int64_t, 3>{200, 96, 2100},
                               {96, 200, 2100},
                               {130, 48, 60},
                               {99, 50, 1100},
                               {600, 528, 1050}}) {
    const Case c(Trans::kYes, Trans::kNo, m, n, k, 1);
    set_threads(1);
    const auto packed = c.run_packed();
    CAPTURE(m, n, k);
    CHECK(max_error(packed, c.want()) < c.tolerance());
    for (const int threads : {1, 2, 3, 4}) {
      set_threads(threads);
      CAPTURE(threads);
      CHECK(c.run() == packed);
    }
    set_threads(0);
  }
}

TEST_CASE("gemm: a batch gives the bits of its items", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const auto [ta, tb] = GENERATE(from_range(transposes));
  // Many tiny, few middling (cut along m), several blocks of K, and two large ones.
  for (const auto [items, m, n, k] : {std::array<int64_t, 4>{100, 5, 4, 3},
                                      {3, 197, 50, 64},
                                      {2, 70, 20, 1100},
                                      {2, 300, 300, 400}}) {
    const Case one(ta, tb, m, n, k);
    const auto a = numbers(items * m * k, 0);
    const auto b = numbers(items * n * k, 99991);
    std::vector<float> want(static_cast<size_t>(items * m * n));
    for (int64_t i = 0; i < items; ++i) {
      gemm(ta, tb, m, n, k, a.data() + i * m * k, one.lda, b.data() + i * n * k, one.ldb,
           want.data() + i * m * n, n);
    }
    for (const int threads : {1, 2, 3}) {
      set_threads(threads);
      std::vector<float> got(want.size());
      const std::array batch{GemmBatchAxis{items, m * k, n * k, m * n}};
      gemm_batched(batch, ta, tb, m, n, k, a.data(), one.lda, b.data(), one.ldb, got.data(), n);
      CHECK(got == want);
    }
    set_threads(0);
  }
}

TEST_CASE("gemm: two axes of a batch, one of them repeating B", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const Case one(Trans::kNo, Trans::kNo, 3, 5, 4);
  const auto a = numbers(2 * 3 * 12, 1);
  const auto b = numbers(3 * 20, 2);
  const std::array batch{GemmBatchAxis{2, 3 * 12, 0, 3 * 15}, GemmBatchAxis{3, 12, 20, 15}};
  std::vector<float> got(2 * 3 * 15);
  gemm_batched(batch, one.ta, one.tb, 3, 5, 4, a.data(), 4, b.data(), 5, got.data(), 5);
  for (int64_t i = 0; i < 6; ++i) {
    std::vector<float> want(15);
    gemm(one.ta, one.tb, 3, 5, 4, a.data() + i * 12, 4, b.data() + i % 3 * 20, 5, want.data(), 5);
    CHECK(std::equal(want.begin(), want.end(), got.begin() + i * 15));
  }
  const std::array none{GemmBatchAxis{0, 12, 20, 15}};
  gemm_batched(none, one.ta, one.tb, 3, 5, 4, a.data(), 4, b.data(), 5, got.data(), 5);
}

TEST_CASE("gemm: the second call takes no new block", "[ops][memory]") {
  // A layer's product, and the gradient of its weight.
  for (const Case& c : {Case(Trans::kNo, Trans::kYes, 197, 192, 192),
                        Case(Trans::kYes, Trans::kNo, 192, 96, 1100)}) {
    c.run();
    const int64_t before = memory_stats().new_blocks;
    c.run();
    CHECK(memory_stats().new_blocks == before);
  }
}

}  // namespace
}  // namespace vitrine
