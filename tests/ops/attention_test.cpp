// attention and scaled_dot_product_attention.
//   formula   the reference backward in double against differences: relative error below 1e-8
//   kernel    every ISA against the reference in double: numbers of tokens around every tile and
//             vector size and those of ViTs, head sizes with and without a tail, Nq != Nk, masks,
//             causal, rows without any key, sequences of several tiles of keys
//   operation layouts agree bit for bit, shapes, errors, tape, bit-identical results for any number
//             of threads, no new memory the second time
// Not here: rows of large or no scores (attention_scores_test.cpp), the values of PyTorch
// (golden_check), models.

#include "ops/attention.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/attention.hpp"
#include "ops/reference/attention.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::random_tensor;
using test::randoms;
using test::same_bits;

enum class Hidden { kNothing, kByMask, kByKeyMask, kByCausal };

/// One head in double, through the reference.
struct Case {
  int64_t n, m, hd;
  Hidden hidden;
  double scale;
  std::vector<double> q, k, v, g, mask;
  std::vector<double> o, max_sum, p, dq, dk, dv;

  Case(int64_t n_, int64_t m_, int64_t hd_, Hidden hidden_ = Hidden::kNothing, double size = 1)
      : n(n_),
        m(m_),
        hd(hd_),
        hidden(hidden_),
        scale(static_cast<double>(default_attention_scale(hd))),
        q(randoms<double>(n * hd, 1, size)),
        k(randoms<double>(m * hd, 2)),
        v(randoms<double>(m * hd, 3)),
        g(randoms<double>(n * hd, 4)) {
    if (hidden == Hidden::kByMask) mask = randoms<double>(n * m, 5);
    if (hidden == Hidden::kByKeyMask) mask = randoms<double>(m, 6);
    // Every third number hides a key, but never the first of a row.
    for (size_t i = 1; i < mask.size(); i += 3) {
      if (static_cast<int64_t>(i) % m != 0) mask[i] = -std::numeric_limits<double>::infinity();
    }
    o = dq = q;
    dk = dv = k;
    max_sum.resize(static_cast<size_t>(2 * n));
    p.resize(static_cast<size_t>(n * m));
    std::vector<double> scratch(static_cast<size_t>(2 * m));
    const auto h = head<double>(q, k, v, mask);
    reference::attention_forward<double>(h, 0, n, o.data(), hd, max_sum.data(), nullptr,
                                         scratch.data());
    reference::attention_probabilities<double>(h, 0, n, p.data(), nullptr);
    reference::attention_backward<double>(backward_head<double>(h, g, o, max_sum, dq, dk, dv), 0, n,
                                          nullptr, scratch.data());
  }

  template <class T>
  kernels::AttentionHead<T> head(const std::vector<T>& q_, const std::vector<T>& k_,
                                 const std::vector<T>& v_, const std::vector<T>& mask_) const {
    return {.queries = n,
            .keys = m,
            .head_dim = hd,
            .q = q_.data(),
            .k = k_.data(),
            .v = v_.data(),
            .q_pitch = hd,
            .k_pitch = hd,
            .v_pitch = hd,
            .mask = mask_.empty() ? nullptr : mask_.data(),
            .mask_row = hidden == Hidden::kByMask ? m : 0,
            .mask_column = 1,
            .scale = static_cast<T>(scale),
            .causal = hidden == Hidden::kByCausal};
  }

  template <class T>
  kernels::AttentionBackwardHead<T> backward_head(const kernels::AttentionHead<T>& h,
                                                  const std::vector<T>& g_,
                                                  const std::vector<T>& o_,
                                                  const std::vector<T>& max_sum_,
                                                  std::vector<T>& dq_, std::vector<T>& dk_,
                                                  std::vector<T>& dv_) const {
    return {.head = h,
            .d_o = g_.data(),
            .o = o_.data(),
            .d_o_pitch = hd,
            .o_pitch = hd,
            .max_sum = max_sum_.data(),
            .dq = dq_.data(),
            .dk = dk_.data(),
            .dv = dv_.data(),
            .dq_pitch = hd,
            .dk_pitch = hd,
            .dv_pitch = hd};
  }

  /// sum(g * o) as a function of the inputs.
  double value(const std::vector<double>& q_, const std::vector<double>& k_,
               const std::vector<double>& v_) const {
    std::vector<double> out(o.size());
    std::vector<double> scratch(static_cast<size_t>(2 * m));
    reference::attention_forward<double>(head<double>(q_, k_, v_, mask), 0, n, out.data(), hd,
                                         nullptr, nullptr, scratch.data());
    return dot(out, g);
  }
};

TEST_CASE("attention: the backward formula is the derivative of the forward formula",
          "[ops][gradient]") {
  const auto hidden = GENERATE(Hidden::kNothing, Hidden::kByMask, Hidden::kByCausal);
  const Case c(4, 5, 3, hidden);
  const auto dq = differences([&](const auto& x) { return c.value(x, c.k, c.v); }, c.q);
  const auto dk = differences([&](const auto& x) { return c.value(c.q, x, c.v); }, c.k);
  const auto dv = differences([&](const auto& x) { return c.value(c.q, c.k, x); }, c.v);
  CHECK(max_error(c.dq, dq) < 1e-8);
  CHECK(max_error(c.dk, dk) < 1e-8);
  CHECK(max_error(c.dv, dv) < 1e-8);
}

std::vector<float> to_float(const std::vector<double>& v) { return {v.begin(), v.end()}; }

/// 64-byte aligned scratch that a kernel must not rely on being clean.
struct DirtyScratch {
  explicit DirtyScratch(int64_t floats) : buffer(scratch_floats(floats)) {
    std::fill_n(buffer.floats(), floats, std::numeric_limits<float>::quiet_NaN());
  }
  Buffer buffer;
};

/// l of every row; m has a unit of the kernel's own.
template <class T>
std::vector<T> sums(const std::vector<T>& max_sum) {
  std::vector<T> l;
  for (size_t i = 1; i < max_sum.size(); i += 2) l.push_back(max_sum[i]);
  return l;
}

void check_kernels(const Case& c, double tolerance) {
  const auto q = to_float(c.q);
  const auto k = to_float(c.k);
  const auto v = to_float(c.v);
  const auto g = to_float(c.g);
  const auto mask = to_float(c.mask);
  const auto head = c.head<float>(q, k, v, mask);
  const kernels::Attention& kernel = *kernels::active().attention;

  std::vector<float> o(c.o.size() + 1, 7.0F);
  std::vector<float> max_sum(c.max_sum.size() + 1, 7.0F);
  const DirtyScratch forward(kernel.forward_scratch(c.n, c.m, c.hd));
  kernel.forward(head, 0, c.n, o.data(), c.hd, max_sum.data(), &head, forward.buffer.floats());
  CHECK(o.back() == 7.0F);
  CHECK(max_sum.back() == 7.0F);
  CHECK(max_error(o, c.o) < tolerance);
  CHECK(max_error(sums(max_sum), sums(c.max_sum)) < tolerance);

  std::vector<float> p(c.p.size() + 1, 7.0F);
  const DirtyScratch probabilities(kernel.probabilities_scratch(c.n, c.m, c.hd));
  kernel.probabilities(head, 0, c.n, p.data(), probabilities.buffer.floats());
  CHECK(p.back() == 7.0F);
  CHECK(max_error(p, c.p) < tolerance);

  std::vector<float> dq(o.size(), 7.0F);
  std::vector<float> dk(k.size() + 1, 7.0F);
  std::vector<float> dv(k.size() + 1, 7.0F);
  const auto to = c.backward_head<float>(head, g, o, max_sum, dq, dk, dv);
  const DirtyScratch backward(kernel.backward_scratch(c.n, c.m, c.hd));
  kernel.backward(to, 0, c.n, &to, backward.buffer.floats());
  CHECK(dq.back() == 7.0F);
  CHECK(dk.back() == 7.0F);
  CHECK(dv.back() == 7.0F);
  CHECK(max_error(dq, c.dq) < tolerance);
  CHECK(max_error(dk, c.dk) < tolerance);
  CHECK(max_error(dv, c.dv) < tolerance);
}

// A sum of 200 products is wrong by about 1e-6 of its largest term, and backward has two in a row.
constexpr double kTolerance = 4e-6;

TEST_CASE("attention: kernels agree with the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t n = GENERATE(1, 2, 5, 17, 31, 50, 65, 197);
  const int64_t hd = GENERATE(1, 8, 11, 12, 16, 32, 64, 80);
  INFO(n << " tokens, heads of " << hd);
  check_kernels(Case(n, n, hd), kTolerance);
}

TEST_CASE("attention: kernels with masks, causal, and two lengths", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const auto [n, m] =
      GENERATE(table<int64_t, int64_t>({{1, 33}, {5, 23}, {23, 5}, {33, 1}, {40, 90}, {70, 64}}));
  const auto hidden =
      GENERATE(Hidden::kNothing, Hidden::kByMask, Hidden::kByKeyMask, Hidden::kByCausal);
  const int64_t hd = GENERATE(3, 24, 128);
  INFO(n << " queries, " << m << " keys, heads of " << hd << ", hidden " << int(hidden));
  check_kernels(Case(n, m, hd, hidden), kTolerance);
}

TEST_CASE("attention: long sequences, in several tiles of keys", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t m = GENERATE(513, 1370);
  const auto hidden = GENERATE(Hidden::kNothing, Hidden::kByMask, Hidden::kByCausal);
  INFO(m << " keys, hidden " << int(hidden));
  // Scores of up to 30: the maximum moves from tile to tile.
  check_kernels(Case(70, m, 16, hidden, 8.0), 2e-5);
}

/// Part 0, 1 or 2 of qkv (B, N, 3 D) as (B, H, N, hd).
Tensor part_of(const Tensor& qkv, int64_t heads, int64_t which, int64_t parts = 3) {
  const int64_t b = qkv.dim(0);
  const int64_t n = qkv.dim(1);
  const int64_t d = qkv.dim(2) / parts;
  const int64_t hd = d / heads;
  Tensor to = Tensor::empty({b, heads, n, hd});
  float* out = to.mutable_data();
  for (int64_t i = 0; i < b * heads * n; ++i) {
    const int64_t token = i / (heads * n) * n + i % n;
    const float* from = qkv.data() + token * parts * d + which * d + i / n % heads * hd;
    out = std::copy_n(from, hd, out);
  }
  return to;
}

TEST_CASE("attention: heads side by side and one after another give the same bits", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t heads = GENERATE(1, 3);
  const Tensor x = random_tensor({2, 37, 3 * heads * 20}, 1);
  const Tensor dy = random_tensor({2, 37, heads * 20}, 2);
  const float scale = default_attention_scale(20);
  Tape tape;
  Tensor qkv = x.clone();
  Tensor q = part_of(x, heads, 0);
  Tensor k = part_of(x, heads, 1);
  Tensor v = part_of(x, heads, 2);
  for (Tensor* t : {&qkv, &q, &k, &v}) tape.watch(*t);
  const Tensor y[2] = {attention(qkv, heads),
                       scaled_dot_product_attention(q, k, v, Tensor(), scale)};
  CHECK(same_bits(part_of(y[0], heads, 0, 1), y[1]));
  CHECK(same_bits(attention_probabilities(qkv, heads, scale),
                  attention_probabilities(q, k, Tensor(), scale)));
  const Tensor cotangents[2] = {dy, part_of(dy, heads, 0, 1)};
  const Gradients g = tape.backward(y, cotangents);
  CHECK(same_bits(part_of(g.of(qkv), heads, 0), g.of(q)));
  CHECK(same_bits(part_of(g.of(qkv), heads, 1), g.of(k)));
  CHECK(same_bits(part_of(g.of(qkv), heads, 2), g.of(v)));
}

TEST_CASE("attention: masks broadcast over leading axes", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor q = random_tensor({2, 3, 5, 8}, 1);
  const Tensor k = random_tensor({2, 3, 7, 8}, 2);
  const Tensor v = random_tensor({2, 3, 7, 8}, 3);
  const Shape shape = GENERATE(Shape{2, 3, 5, 7}, Shape{2, 1, 5, 7}, Shape{3, 5, 7}, Shape{5, 7},
                               Shape{2, 1, 1, 7}, Shape{2, 3, 5, 1}, Shape{7}, Shape{});
  INFO("mask " << shape.str());
  const Tensor mask = random_tensor(shape, 4);
  Tensor whole = Tensor::empty({2, 3, 5, 7});
  for (int64_t i = 0; i < whole.numel(); ++i) {
    const int64_t index[4] = {i / 105, i / 35 % 3, i / 7 % 5, i % 7};
    int64_t at = 0;
    for (int64_t axis = 0; axis < shape.rank(); ++axis) {
      const int64_t own = index[4 - shape.rank() + axis];
      at = at * shape[axis] + (shape[axis] == 1 ? 0 : own);
    }
    whole.mutable_data()[i] = mask.data()[at];
  }
  CHECK(same_bits(scaled_dot_product_attention(q, k, v, mask, 0.3F),
                  scaled_dot_product_attention(q, k, v, whole, 0.3F)));
}

TEST_CASE("attention: only the gradients that are needed", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  Tensor t[3] = {random_tensor({2, 9, 12}, 1), random_tensor({2, 6, 12}, 2),
                 random_tensor({2, 6, 12}, 3)};
  const Tensor dy = random_tensor({2, 9, 12}, 4);
  const auto run = [&](std::initializer_list<int> watched) {
    Tape tape;
    Tensor own[3] = {t[0].clone(), t[1].clone(), t[2].clone()};
    for (const int i : watched) tape.watch(own[i]);
    const Tensor y = scaled_dot_product_attention(own[0], own[1], own[2], Tensor(), 0.3F);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    return std::vector{g.of(own[0]), g.of(own[1]), g.of(own[2])};
  };
  const auto all = run({0, 1, 2});
  for (const int i : {0, 1, 2}) {
    const auto one = run({i});
    for (const int j : {0, 1, 2}) {
      if (i == j) {
        CHECK(same_bits(one[static_cast<size_t>(j)], all[static_cast<size_t>(j)]));
      } else {
        CHECK_FALSE(one[static_cast<size_t>(j)].defined());
      }
    }
  }
}

TEST_CASE("attention: the number of threads changes nothing, and memory is used again",
          "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  // Few heads, whose queries are split, and many, several to a chunk.
  const auto sizes = GENERATE(
      table<int64_t, int64_t, int64_t, int64_t>({{1, 197, 3, 16}, {1, 300, 1, 8}, {9, 17, 4, 8}}));
  const int64_t batch = std::get<0>(sizes);
  const int64_t tokens = std::get<1>(sizes);
  const int64_t heads = std::get<2>(sizes);  // clang 16 captures no structured binding
  const int64_t hd = std::get<3>(sizes);
  const Tensor x = random_tensor({batch, tokens, 3 * heads * hd}, 1);
  const Tensor dy = random_tensor({batch, tokens, heads * hd}, 2);
  const auto run = [&](int n) {
    set_threads(n);
    Tape tape;
    Tensor qkv = x.clone();
    tape.watch(qkv);
    const Tensor y = attention(qkv, heads);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    set_threads(0);
    return std::vector{y, g.of(qkv)};
  };
  const auto one = run(1);
  for (const int n : {2, 3, 4}) {
    const auto many = run(n);
    CHECK(same_bits(one[0], many[0]));
    CHECK(same_bits(one[1], many[1]));
  }
  run(2);
  const int64_t blocks = memory_stats().new_blocks;
  run(2);
  CHECK(memory_stats().new_blocks == blocks);
}

TEST_CASE("attention: empty inputs", "[ops]") {
  CHECK(attention(Tensor::zeros({0, 5, 12}), 2).shape() == Shape{0, 5, 4});
  CHECK(attention(Tensor::zeros({2, 0, 12}), 2).shape() == Shape{2, 0, 4});
  const Tensor none = Tensor::zeros({2, 0, 4});
  const Tensor y =
      scaled_dot_product_attention(Tensor::full({2, 3, 4}, 1), none, none, Tensor(), 1);
  CHECK(same_bits(y, Tensor::zeros({2, 3, 4})));
}

TEST_CASE("attention: arguments that do not fit are refused", "[ops][errors]") {
  CHECK_THROWS_WITH(attention(Tensor::zeros({2, 5, 30}), 4),
                    "[attention] qkv must be (B, N, 3 D) with D a multiple of 4 heads, "
                    "got (2, 5, 30)");
  CHECK_THROWS_AS(attention(Tensor::zeros({5, 24}), 2), ShapeError);
  CHECK_THROWS_AS(attention(Tensor::zeros({2, 5, 24}), 0), ShapeError);
  CHECK_THROWS_AS(attention(Tensor(), 2), ShapeError);

  const Tensor q = Tensor::zeros({2, 3, 5, 8});
  const Tensor k = Tensor::zeros({2, 3, 7, 8});
  const auto sdpa = [&](const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tensor& mask) {
    return scaled_dot_product_attention(q_, k_, v_, mask, 1);
  };
  CHECK_THROWS_WITH(sdpa(q, Tensor::zeros({2, 3, 7, 4}), k, {}),
                    "[scaled_dot_product_attention] k must be (2, 3, 7, 8) to match q (2, 3, 5, "
                    "8), got (2, 3, 7, 4)");
  CHECK_THROWS_WITH(sdpa(q, k, k, Tensor::zeros({5, 6})),
                    "[scaled_dot_product_attention] mask must broadcast to the scores "
                    "(2, 3, 5, 7), got (5, 6)");
  CHECK_THROWS_AS(sdpa(q, k, q, {}), ShapeError);
  CHECK_THROWS_AS(sdpa(q, k, {}, {}), ShapeError);
  CHECK_THROWS_AS(sdpa(Tensor::zeros({3, 0}), Tensor::zeros({3, 0}), Tensor::zeros({3, 0}), {}),
                  ShapeError);
  CHECK_THROWS_AS(sdpa(q, k, k, Tensor::zeros({1, 2, 3, 5, 7})), ShapeError);
}

}  // namespace
}  // namespace vitrine
