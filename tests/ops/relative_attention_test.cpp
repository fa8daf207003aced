// relative_attention_probabilities: values and gradients against the reference formula in double
// (gradients by differences of it), on every ISA; shapes, errors, thread counts. Sizes: one token,
// an even and an odd number, and those of a small ViT. Tolerances: 2e-6 of values that are at most
// 1; gradients in float against double 1e-5.

#include "ops/relative_attention.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "ops/reference/relative_attention.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::max_error;
using test::random_tensor;
using test::to_double;

constexpr double kScale = 0.4;

struct Case {
  int64_t batch, heads, tokens, head_dim;
  Tensor q, k, offsets, dy;

  Case(int64_t b, int64_t h, int64_t n, int64_t d)
      : batch(b),
        heads(h),
        tokens(n),
        head_dim(d),
        q(random_tensor({b, h, n, d}, 1)),
        k(random_tensor({b, h, n, d}, 2)),
        offsets(random_tensor({2 * n - 1, d}, 3)),
        dy(random_tensor({b, h, n, n}, 4)) {}

  /// All heads in double.
  std::vector<double> want(const std::vector<double>& q_, const std::vector<double>& k_,
                           const std::vector<double>& offsets_) const {
    std::vector<double> p(static_cast<size_t>(dy.numel()));
    for (int64_t i = 0; i < batch * heads; ++i) {
      const int64_t at = i * tokens * head_dim;
      reference::relative_attention_probabilities(tokens, head_dim, q_.data() + at, k_.data() + at,
                                                  offsets_.data(), kScale,
                                                  p.data() + i * tokens * tokens);
    }
    return p;
  }

  Tensor got() const {
    return relative_attention_probabilities(q, k, offsets, static_cast<float>(kScale));
  }
};

TEST_CASE("relative attention: values are those of the formula on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t tokens = GENERATE(1, 2, 3, 17, 50);
  const Case c(2, 3, tokens, 5);
  const auto want =
      c.want(to_double(c.q.values()), to_double(c.k.values()), to_double(c.offsets.values()));
  CHECK(c.got().shape() == Shape{2, 3, tokens, tokens});
  CHECK(max_error(c.got().values(), want) < 2e-6);
}

TEST_CASE("relative attention: gradients are the differences of the formula", "[ops][gradient]") {
  const int64_t tokens = GENERATE(1, 4, 5);
  Case c(2, 2, tokens, 3);
  Tape tape;
  tape.watch(c.q);
  tape.watch(c.k);
  tape.watch(c.offsets);
  const Tensor p = c.got();
  const Gradients g = tape.backward(std::span(&p, 1), std::span(&c.dy, 1));
  const auto q = to_double(c.q.values());
  const auto k = to_double(c.k.values());
  const auto offsets = to_double(c.offsets.values());
  const auto dy = to_double(c.dy.values());
  const auto of_q = [&](const auto& v) { return test::dot(c.want(v, k, offsets), dy); };
  const auto of_k = [&](const auto& v) { return test::dot(c.want(q, v, offsets), dy); };
  const auto of_offsets = [&](const auto& v) { return test::dot(c.want(q, k, v), dy); };
  CHECK(max_error(g.of(c.q).values(), test::differences(of_q, q)) < 1e-5);
  CHECK(max_error(g.of(c.k).values(), test::differences(of_k, k)) < 1e-5);
  CHECK(max_error(g.of(c.offsets).values(), test::differences(of_offsets, offsets)) < 1e-5);
}

TEST_CASE("relative attention: any number of threads, wrong shapes", "[ops]") {
  const Case c(4, 2, 33, 16);
  test::same_on_any_threads([&] { return std::vector{c.got()}; });
  CHECK_THROWS_AS(relative_attention_probabilities(c.q, c.k, random_tensor({33, 16}, 1), 1),
                  ShapeError);
  CHECK_THROWS_AS(relative_attention_probabilities(c.q, c.dy, c.offsets, 1), ShapeError);
  CHECK_THROWS_AS(relative_attention_probabilities(random_tensor({3, 16}, 1), c.k, c.offsets, 1),
                  ShapeError);
}

}  // namespace
}  // namespace vitrine
