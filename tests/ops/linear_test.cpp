// linear, linear_add and mlp: the layers' products.
//   values    against the formula in double on every ISA, for every activation, frozen or not
//   gradient  the tape's gradients against differences of that formula: error below 2e-5
//   bits      the same for any number of threads, and with a tape as without; a batch in two halves
//   memory    the second call takes no new block; mlp keeps no hidden layer
// Not here: sizes and epilogues of the product itself (gemm_test), PyTorch's values (golden_check).

#include "ops/linear.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "ops/reference/activation.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::random_tensor;
using test::same_bits;
using test::to_double;

using Doubles = std::vector<double>;

/// What goes in, in double; bias and scale may be empty.
struct Inputs {
  Doubles x, weight, bias, residual, scale;
};

/// residual + scale * activation(x W^T + b), with the parts that are there.
Doubles formula(int64_t n, int64_t k, Activation activation, const Inputs& in) {
  Doubles y(in.x.size() / static_cast<size_t>(k) * static_cast<size_t>(n));
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t row = i / static_cast<size_t>(n);
    const size_t j = i % static_cast<size_t>(n);
    const auto width = static_cast<size_t>(k);
    double v = in.bias.empty() ? 0 : in.bias[j];
    for (size_t p = 0; p < width; ++p) v += in.x[row * width + p] * in.weight[j * width + p];
    v = reference::activate(activation, v);
    if (!in.scale.empty()) v *= in.scale[j];
    y[i] = v + (in.residual.empty() ? 0 : in.residual[i]);
  }
  return y;
}

constexpr int64_t kN = 5;
constexpr int64_t kK = 7;

Doubles doubles(const Tensor& t) { return t.defined() ? to_double(t.values()) : Doubles{}; }

TEST_CASE("linear: values and gradients follow the formula", "[ops][gradient]") {
  const ScopedIsa isa(test::each_isa());
  const auto activation =
      GENERATE(Activation::kNone, Activation::kRelu, Activation::kGelu, Activation::kGeluTanh,
               Activation::kQuickGelu, Activation::kSilu, Activation::kTanh, Activation::kSigmoid);
  const bool with_bias = GENERATE(true, false);
  Tensor x = random_tensor({2, 3, kK}, 1);
  Tensor weight = random_tensor({kN, kK}, 2);
  Tensor bias = with_bias ? random_tensor({kN}, 3) : Tensor();
  const Tensor dy = random_tensor({2, 3, kN}, 4);
  const Inputs in{doubles(x), doubles(weight), doubles(bias), {}, {}};
  const auto value = [&](const Inputs& at) {
    return dot(formula(kN, kK, activation, at), doubles(dy));
  };

  const Tensor untaped = linear(x, weight, bias, activation);
  Tape tape;
  tape.watch(x);
  tape.watch(weight);
  if (with_bias) tape.watch(bias);
  const Tensor y = linear(x, weight, bias, activation);
  CHECK(same_bits(y, untaped));
  CHECK(max_error(y.values(), formula(kN, kK, activation, in)) < 2e-6);

  const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
  const auto change = [&](Doubles Inputs::* part) {
    return differences(
        [&](const Doubles& v) {
          Inputs at = in;
          at.*part = v;
          return value(at);
        },
        in.*part, 1e-4);
  };
  CHECK(max_error(g.of(x).values(), change(&Inputs::x)) < 2e-5);
  CHECK(max_error(g.of(weight).values(), change(&Inputs::weight)) < 2e-5);
  if (with_bias) CHECK(max_error(g.of(bias).values(), change(&Inputs::bias)) < 2e-5);
}

TEST_CASE("linear_add: values and gradients follow the formula", "[ops][gradient]") {
  const ScopedIsa isa(test::each_isa());
  const bool with_scale = GENERATE(true, false);
  Tensor x = random_tensor({2, 3, kK}, 1);
  Tensor weight = random_tensor({kN, kK}, 2);
  Tensor bias = random_tensor({kN}, 3);
  Tensor residual = random_tensor({2, 3, kN}, 5);
  Tensor scale = with_scale ? random_tensor({kN}, 6) : Tensor();
  const Tensor dy = random_tensor({2, 3, kN}, 4);
  const Inputs in{doubles(x), doubles(weight), doubles(bias), doubles(residual), doubles(scale)};

  const Tensor untaped = linear_add(x, weight, bias, residual, scale);
  Tape tape;
  for (Tensor* t : {&x, &weight, &bias, &residual}) tape.watch(*t);
  if (with_scale) tape.watch(scale);
  const Tensor y = linear_add(x, weight, bias, residual, scale);
  const Doubles want = formula(kN, kK, Activation::kNone, in);
  CHECK(max_error(untaped.values(), want) < 2e-6);
  CHECK(max_error(y.values(), want) < 2e-6);

  const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
  const auto check = [&](const Tensor& t, Doubles Inputs::* part) {
    const auto want_gradient = differences(
        [&](const Doubles& v) {
          Inputs at = in;
          at.*part = v;
          return dot(formula(kN, kK, Activation::kNone, at), doubles(dy));
        },
        in.*part);
    CHECK(max_error(g.of(t).values(), want_gradient) < 1e-5);
  };
  check(x, &Inputs::x);
  check(weight, &Inputs::weight);
  check(bias, &Inputs::bias);
  check(residual, &Inputs::residual);
  if (with_scale) check(scale, &Inputs::scale);
}

TEST_CASE("mlp: the bits of linear and linear_add in turn, and of their gradients",
          "[ops][gradient]") {
  const ScopedIsa isa(test::each_isa());
  const auto activation = GENERATE(Activation::kNone, Activation::kRelu, Activation::kGelu,
                                   Activation::kQuickGelu, Activation::kSilu, Activation::kTanh);
  const int parts = GENERATE(0, 1, 3);  // bits: residual, scale
  const Tensor dy = random_tensor({3, 11, 21}, 4);
  std::vector<Tensor> in = {random_tensor({3, 11, 30}, 1), random_tensor({70, 30}, 2),
                            random_tensor({70}, 3),        random_tensor({21, 70}, 5),
                            random_tensor({21}, 6),        random_tensor({3, 11, 21}, 7),
                            random_tensor({21}, 8)};
  const auto results = [&](bool fused, uint64_t watched) {
    Tape tape;
    for (size_t i = 0; i < in.size(); ++i) {
      if ((watched >> i & 1U) != 0) tape.watch(in[i]);
    }
    const Tensor r = (parts & 1) != 0 ? in[5] : Tensor();
    const Tensor s = (parts & 2) != 0 ? in[6] : Tensor();
    Tensor y;
    if (fused) {
      y = mlp(in[0], in[1], in[2], activation, in[3], in[4], r, s);
    } else {
      const Tensor hidden = linear(in[0], in[1], in[2], activation);
      y = r.defined() ? linear_add(hidden, in[3], in[4], r, s) : linear(hidden, in[3], in[4]);
    }
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    std::vector<Tensor> all = {y};
    for (const Tensor& t : in) all.push_back(g.of(t));
    for (Tensor& t : in) t = t.detach();
    return all;
  };
  // Everything; the first layer frozen; the second layer frozen; only what goes round.
  for (const uint64_t watched : {0x7FU, 0x78U, 0x07U, 0x20U}) {
    CAPTURE(static_cast<int>(activation), parts, watched);
    const auto want = results(false, watched);
    const auto got = results(true, watched);
    for (size_t i = 0; i < want.size(); ++i) {
      REQUIRE(got[i].defined() == want[i].defined());
      if (want[i].defined()) CHECK(same_bits(got[i], want[i]));
    }
  }
}

TEST_CASE("mlp: gradients follow the formula", "[ops][gradient]") {
  const ScopedIsa isa(test::each_isa());
  constexpr int64_t kHidden = 6;
  Tensor x = random_tensor({4, kK}, 1);
  Tensor w1 = random_tensor({kHidden, kK}, 2);
  Tensor b1 = random_tensor({kHidden}, 3);
  Tensor w2 = random_tensor({kN, kHidden}, 4);
  Tensor b2 = random_tensor({kN}, 5);
  const Tensor dy = random_tensor({4, kN}, 6);
  const std::vector<Doubles> in = {doubles(x), doubles(w1), doubles(b1), doubles(w2), doubles(b2)};
  const auto value = [&](const std::vector<Doubles>& at) {
    const Doubles hidden = formula(kHidden, kK, Activation::kGelu, {at[0], at[1], at[2], {}, {}});
    return dot(formula(kN, kHidden, Activation::kNone, {hidden, at[3], at[4], {}, {}}),
               doubles(dy));
  };
  Tape tape;
  for (Tensor* t : {&x, &w1, &b1, &w2, &b2}) tape.watch(*t);
  const Tensor y = mlp(x, w1, b1, Activation::kGelu, w2, b2);
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
  const Tensor* inputs[] = {&x, &w1, &b1, &w2, &b2};
  for (size_t part = 0; part < in.size(); ++part) {
    const auto want = differences(
        [&](const Doubles& v) {
          auto at = in;
          at[part] = v;
          return value(at);
        },
        in[part], 1e-4);
    CHECK(max_error(g.of(*inputs[part]).values(), want) < 2e-5);
  }
}

TEST_CASE("mlp: the hidden layer is not kept for backward", "[ops][memory]") {
  const Tensor x = random_tensor({64, 16}, 1);
  Tensor w1 = random_tensor({256, 16}, 2);
  const Tensor b1 = random_tensor({256}, 3);
  const Tensor w2 = random_tensor({16, 256}, 4);
  Tape tape;
  tape.watch(w1);
  const int64_t before = memory_stats().live_bytes;
  const Tensor y = mlp(x, w1, b1, Activation::kGelu, w2, Tensor());
  const int64_t kept = memory_stats().live_bytes - before;
  CHECK(kept >= 64 * (16 + 256) * 4);
  CHECK(kept < 64 * (16 + 2 * 256) * 4);
}

TEST_CASE("linear: a frozen weight gives the same bits", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor x = random_tensor({50, 70}, 1);
  const Tensor weight = random_tensor({90, 70}, 2);
  const Tensor bias = random_tensor({90}, 3);
  Tensor frozen = weight.clone();
  frozen.freeze();
  const Tensor y = linear(x, weight, bias, Activation::kGelu);
  CHECK(same_bits(linear(x, frozen, bias, Activation::kGelu), y));
  CHECK(same_bits(linear(x, frozen, bias, Activation::kGelu), y));  // packed by now
}

TEST_CASE("linear: bits do not depend on threads, nor on the rest of the batch", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor x0 = random_tensor({2, 99, 130}, 1);
  const Tensor dy = random_tensor({2, 99, 70}, 4);
  const auto one = test::same_on_any_threads([&] {
    Tensor x = x0.clone();
    Tensor weight = random_tensor({70, 130}, 2);
    Tensor bias = random_tensor({70}, 3);
    Tape tape;
    for (Tensor* t : {&x, &weight, &bias}) tape.watch(*t);
    const Tensor y = linear(x, weight, bias, Activation::kGelu);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    return std::vector{y, g.of(x), g.of(weight), g.of(bias)};
  });
  const Tensor half =
      linear(x0.rows(1, 2), random_tensor({70, 130}, 2), random_tensor({70}, 3), Activation::kGelu);
  CHECK(same_bits(half, one[0].rows(1, 2)));
}

TEST_CASE("linear: only the gradients that are needed are computed", "[ops][gradient]") {
  const Tensor x = random_tensor({3, 4}, 1);
  const Tensor weight = random_tensor({2, 4}, 2);
  const Tensor dy = random_tensor({3, 2}, 3);
  for (const uint64_t bit : {0U, 1U, 2U}) {
    const auto g = linear_backward(dy, x, weight, Needs(uint64_t{1} << bit));
    CHECK(g.dx.defined() == (bit == 0));
    CHECK(g.dweight.defined() == (bit == 1));
    CHECK(g.dbias.defined() == (bit == 2));
  }
}

TEST_CASE("linear: the second call takes no new block", "[ops][memory]") {
  const Tensor x = random_tensor({197, 192}, 1);
  const Tensor weight = random_tensor({192, 192}, 2);
  const Tensor bias = random_tensor({192}, 3);
  linear(x, weight, bias, Activation::kGelu);
  const int64_t before = memory_stats().new_blocks;
  linear(x, weight, bias, Activation::kGelu);
  CHECK(memory_stats().new_blocks == before);
}

TEST_CASE("linear: arguments that do not fit are refused, empty ones are not", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 4});
  const Tensor weight = Tensor::zeros({3, 4});
  CHECK_THROWS_WITH(linear(x, Tensor::zeros({3, 5}), Tensor()),
                    "[linear] weight must be (3, 4) to match x (2, 4), got (3, 5)");
  CHECK_THROWS_AS(linear(x, weight, Tensor::zeros({4})), ShapeError);
  CHECK_THROWS_AS(linear(x, Tensor(), Tensor()), ShapeError);
  CHECK_THROWS_AS(linear(Tensor::scalar(1), weight, Tensor()), ShapeError);
  CHECK_THROWS_AS(linear_add(x, weight, Tensor(), Tensor::zeros({2, 4})), ShapeError);
  Tensor known = x.clone();
  Tape tape;
  tape.watch(known);
  for (const Tensor& t : {x, known}) {
    const auto branch = [&](const Tensor& second, const Tensor& residual) {
      return mlp(t, weight, Tensor(), Activation::kGelu, second, Tensor(), residual);
    };
    CHECK_THROWS_AS(branch(Tensor::zeros({5, 4}), Tensor()), ShapeError);
    CHECK_THROWS_AS(branch(Tensor(), Tensor()), ShapeError);
    CHECK_THROWS_AS(branch(Tensor::zeros({5, 3}), Tensor::zeros({2, 4})), ShapeError);
    CHECK(branch(Tensor::zeros({5, 3}), Tensor::zeros({2, 5})).shape() == Shape{2, 5});
    CHECK_THROWS_WITH(mlp(t, weight, Tensor(), Activation::kGelu, Tensor::zeros({5, 3}), Tensor(),
                          Tensor(), Tensor::zeros({5})),
                      "[mlp] scale wants a residual");
  }
  CHECK_THROWS_AS(linear_add(x, weight, Tensor(), Tensor::zeros({2, 3}), Tensor::zeros({2})),
                  ShapeError);
  CHECK(linear(Tensor::zeros({0, 4}), weight, Tensor()).shape() == Shape{0, 3});
  Tensor none = Tensor::zeros({0, 4});
  none.freeze();
  CHECK(linear(x, none, Tensor()).shape() == Shape{2, 0});
  Tensor thin = Tensor::zeros({3, 0});
  thin.freeze();
  CHECK(linear(Tensor::zeros({2, 0}), thin, Tensor::full({3}, 1)).values()[5] == 1);
}

}  // namespace
}  // namespace vitrine
