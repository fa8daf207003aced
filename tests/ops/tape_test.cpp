// Tape: gradients of graphs that reuse, share and drop tensors; what recording costs and forbids.
// Not here: gradients of single operations (tests/ops).

#include "core/tape.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "ops/binary.hpp"
#include "ops/reduce.hpp"
#include "ops/unary.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

TEST_CASE("tape: without a tape nothing is recorded", "[core][tape]") {
  Tensor x = Tensor::full({3}, 2.0F);
  CHECK(Tape::recording({&x}) == nullptr);
  Tape tape;
  CHECK(Tape::recording({&x}) == nullptr);  // nobody asked for its gradient
  tape.watch(x);
  CHECK(Tape::recording({&x}) == &tape);
  const Tensor unknown = Tensor::full({3}, 1.0F);
  CHECK(Tape::recording({&unknown}) == nullptr);
  CHECK(Tape::recording({nullptr, &unknown, &x}) == &tape);
}

TEST_CASE("tape: a tensor that is used twice gets both gradients", "[core][tape]") {
  Tensor x = Tensor::full({2}, 3.0F);
  Tape tape;
  tape.watch(x);
  const Tensor y = sum(add(mul(x, x), x), {}, false);  // x^2 + x
  const Gradients g = tape.backward(y);
  CHECK(g.of(x).values()[0] == 7.0F);
  CHECK(g.of(x).values()[1] == 7.0F);
}

TEST_CASE("tape: gradients that share a buffer are not added in place", "[core][tape]") {
  // add hands the same dy to both of its inputs; adding into it would change the other one too.
  Tensor x = Tensor::full({4}, 1.0F);
  Tape tape;
  tape.watch(x);
  Tensor h = x;
  for (int i = 0; i < 10; ++i) h = add(h, h);
  const Gradients g = tape.backward(sum(h, {}, false));
  CHECK(g.of(x).values()[0] == 1024.0F);
}

TEST_CASE("tape: each gradient is passed on once, as soon as it is whole", "[core][tape]") {
  Tensor early = Tensor::full({2}, 2.0F);
  Tensor late = Tensor::full({2}, 3.0F);
  Tensor unused = Tensor::full({2}, 4.0F);
  Tape tape;
  const int64_t first = tape.watch(early);
  const int64_t second = tape.watch(late);
  const int64_t third = tape.watch(unused);
  const Tensor dropped = exp(unused);
  // late is read twice, and done before early's own operation is played.
  const Tensor y = sum(mul(add(mul(early, early), late), late), {}, false);
  const Tensor one = Tensor::full(y.shape(), 1.0F);
  std::vector<int64_t> order;
  std::vector<float> values(3, -1.0F);
  tape.backward(std::span(&y, 1), std::span(&one, 1), [&](int64_t leaf, const Tensor& gradient) {
    order.push_back(leaf);
    if (gradient.defined()) values[static_cast<size_t>(leaf)] = gradient.values()[0];
  });
  CHECK(order == std::vector<int64_t>{second, first, third});
  CHECK(values == std::vector<float>{2 * 2 * 3, 4 + 2 * 3, -1});
}

TEST_CASE("tape: branches that lead nowhere cost nothing and break nothing", "[core][tape]") {
  Tensor x = Tensor::full({2}, 2.0F);
  Tensor unused = Tensor::full({2}, 2.0F);
  Tape tape;
  tape.watch(x);
  tape.watch(unused);
  const Tensor dropped = exp(mul(x, unused));
  const Tensor y = sum(mul(x, 5.0F), {}, false);
  const Gradients g = tape.backward(y);
  CHECK(g.of(x).values()[0] == 5.0F);
  CHECK_FALSE(g.of(unused).defined());
  CHECK(dropped.defined());
}

TEST_CASE("tape: several outputs with cotangents", "[core][tape]") {
  Tensor x = Tensor::full({2}, 2.0F);
  Tape tape;
  tape.watch(x);
  const std::vector<Tensor> outputs = {mul(x, 3.0F), mul(x, x)};
  const std::vector<Tensor> cotangents = {Tensor::full({2}, 1.0F), Tensor::full({2}, 10.0F)};
  CHECK(tape.backward(outputs, cotangents).of(x).values()[1] == 3.0F + 10.0F * 4.0F);
}

TEST_CASE("tape: views pass gradients on", "[core][tape]") {
  Tensor x = test::random_tensor({4, 3}, 1);
  Tape tape;
  tape.watch(x);
  const Tensor y = sum(mul(x.reshape({2, 6}).rows(1, 2), 2.0F), {}, false);
  const Gradients gradients = tape.backward(y);
  const auto g = gradients.of(x).values();
  for (int64_t i = 0; i < 12; ++i) CHECK(g[static_cast<size_t>(i)] == (i < 6 ? 0.0F : 2.0F));
}

TEST_CASE("tape: a chain of 100,000 nodes needs no stack", "[core][tape]") {
  Tensor x = Tensor::full({1}, 1.0F);
  Tape tape;
  tape.watch(x);
  Tensor h = x;
  for (int i = 0; i < 100'000; ++i) h = mul(h, 1.0F);
  CHECK(tape.backward(h).of(x).item() == 1.0F);
}

TEST_CASE("tape: writing to what backward needs is refused", "[core][tape][errors]") {
  Tensor x = Tensor::full({2}, 2.0F);
  Tensor w = Tensor::full({2}, 3.0F);
  {
    Tape tape;
    tape.watch(x);
    const Tensor y = sum(mul(x, w), {}, false);
    CHECK_THROWS_AS(w.mutable_data(), UsageError);
    tape.backward(y);
    CHECK_NOTHROW(w.mutable_data());  // backward has let go of it
  }
  Tape tape;
  tape.watch(x);
  const Tensor frozen = Tensor::full({2}, 1.0F);
  Tensor handle = frozen;
  handle.freeze();
  CHECK_THROWS_AS(handle.mutable_data(), UsageError);
}

TEST_CASE("tape: wrong use is refused", "[core][tape][errors]") {
  Tensor x = Tensor::full({2}, 2.0F);
  Tape tape;
  tape.watch(x);
  const Tensor y = mul(x, 2.0F);
  CHECK_THROWS_AS(tape.backward(y), ShapeError);  // no scalar
  const Tensor loss = sum(y, {}, false);
  tape.backward(loss);
  CHECK_THROWS_AS(tape.backward(loss), UsageError);  // twice
}

TEST_CASE("tape: an output that is cheap is computed again, once for all who read it",
          "[core][tape]") {
  Tensor x = Tensor::full({1}, 2.0F);
  int computed = 0;
  const auto triple = [&](Tape& tape, const Tensor& of) {
    const float value = 3 * of.item();
    Tensor y = Tensor::full({1}, value);
    tape.record(
        {&of}, y, [](const Tensor& dy, Needs) { return std::vector{mul(dy, 3.0F)}; },
        [&computed, value] {
          ++computed;
          return Tensor::full({1}, value);
        });
    return y;
  };
  Tape tape;
  tape.watch(x);
  const Tensor y = triple(tape, x);
  const Tensor z = add(mul(y, y), square(y));  // 2 (3 x)^2
  CHECK(y.unique());                           // nobody kept it
  // Nothing is computed again from what is computed again itself: this one is kept.
  const Tensor second = triple(tape, y);
  const Tensor kept = square(second);
  CHECK_FALSE(second.unique());
  CHECK(computed == 0);
  CHECK(tape.backward(z).of(x).item() == 72.0F);
  CHECK(computed == 1);
}

TEST_CASE("tape: an operation may add its gradient to what others have sent", "[core][tape]") {
  Tensor x = Tensor::full({1}, 2.0F);
  std::vector<float> found;
  const auto twice = [&](Tape& tape, const Tensor& of) {
    Tensor y = Tensor::full({1}, 2 * of.item());
    tape.record({&of}, y, [&found](const Tensor& dy, Needs needs) {
      const Tensor sum = needs.take_sum(0);
      found.push_back(sum.defined() ? sum.item() : 0.0F);
      const Tensor own = mul(dy, 2.0F);
      return std::vector{sum.defined() ? add(sum, own) : own};
    });
    return y;
  };
  Tape tape;
  tape.watch(x);
  const Tensor first = twice(tape, x);
  const Tensor second = twice(tape, x);
  const Tensor loss = add(add(first, second), mul(x, 5.0F));
  CHECK(tape.backward(loss).of(x).item() == 9.0F);
  CHECK(found == std::vector<float>{5.0F, 7.0F});
  CHECK_FALSE(Needs::all().take_sum(0).defined());  // outside of a tape there is nothing
}

TEST_CASE("tape: a second tape pauses the first", "[core][tape]") {
  Tensor x = Tensor::full({2}, 2.0F);
  Tape outer;
  outer.watch(x);
  {
    Tape inner;
    CHECK(Tape::recording({&x}) == nullptr);
  }
  CHECK(Tape::recording({&x}) == &outer);
}

}  // namespace
}  // namespace vitrine
