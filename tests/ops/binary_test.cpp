// Elementwise arithmetic on two tensors.
//   formula   derivatives in double against differences: below 1e-8
//   kernel    every ISA against the reference: tails, misalignment, repeated rows and elements; NaN
//             and ties of maximum and minimum
//   operation broadcasting of every kind up to rank 6 and its gradients against loops over indices
//             in double; reuse of a tensor and of storage; threads, errors, empty tensors
// Not here: the values of PyTorch (golden_check).

#include "ops/binary.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "ops/kernels/all.hpp"
#include "ops/reference/binary.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::randoms;

struct Entry {
  BinaryFunction f;
  Tensor (*operation)(Tensor, Tensor);
  const char* name;
};
constexpr Entry kAll[] = {
    {BinaryFunction::kAdd, add, "add"},
    {BinaryFunction::kSub, sub, "sub"},
    {BinaryFunction::kMul, mul, "mul"},
    {BinaryFunction::kDiv, div, "div"},
    {BinaryFunction::kMaximum, maximum, "maximum"},
    {BinaryFunction::kMinimum, minimum, "minimum"},
};

/// Numbers with some ties, none near 0.
std::vector<float> arguments(int64_t n, uint64_t stream) {
  auto x = randoms(n, stream);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = i % 3 == 0 ? 1.5F : x[i] + std::copysign(0.5F, x[i]);
  }
  return x;
}

Tensor argument(const Shape& shape, uint64_t stream) {
  return Tensor::from(arguments(shape.numel(), stream), shape);
}

TEST_CASE("binary: the derivatives are those of the functions", "[ops][gradient]") {
  for (const Entry& entry : kAll) {
    const auto f = [&](const std::vector<double>& v) {
      return reference::binary(entry.f, v[0], v[1]);
    };
    for (const auto& [a, b] : {std::pair(0.7, -1.2), std::pair(-0.4, 0.9), std::pair(1.5, 0.6)}) {
      const auto slopes = test::differences(f, {a, b});
      const auto partials = reference::binary_partials(entry.f, a, b);
      INFO(entry.name);
      CHECK(partials.da == Approx(slopes[0]).epsilon(1e-8).margin(1e-8));
      CHECK(partials.db == Approx(slopes[1]).epsilon(1e-8).margin(1e-8));
    }
  }
}

TEST_CASE("binary: kernels agree with the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const kernels::Binary& kernel = *kernels::active().binary;
  const int64_t n = GENERATE(1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33);
  const int64_t shift = GENERATE(0, 1, 3);  // floats of misalignment
  const int64_t rows = 3;
  const auto a = arguments(rows * n + shift, 1);
  const auto b = arguments(rows * n + shift, 2);
  const auto dy = randoms(rows * n, 3);
  // Everything of its own; the same row each time; one number per row; one number.
  for (const auto& [pitch, step] :
       {std::pair(n, int64_t{1}), std::pair(int64_t{0}, int64_t{1}),
        std::pair(int64_t{1}, int64_t{0}), std::pair(int64_t{0}, int64_t{0})}) {
    const kernels::BinaryOperand full{a.data() + shift, n, 1};
    const kernels::BinaryOperand other{b.data() + shift, pitch, step};
    for (const Entry& entry : kAll) {
      for (const bool swap : {false, true}) {
        const auto& left = swap ? other : full;
        const auto& right = swap ? full : other;
        const size_t size = static_cast<size_t>(rows * n);
        std::vector<float> y(size + 1, 7.0F), da(size + 1, 7.0F), db(size + 1, 7.0F);
        std::vector<float> want(size), want_da(size), want_db(size);
        kernel.forward(entry.f, rows, n, left, right, y.data());
        reference::binary_forward(entry.f, rows, n, left, right, want.data());
        INFO(entry.name << ", n " << n << ", pitch " << pitch << ", step " << step);
        CHECK(std::equal(want.begin(), want.end(), y.begin()));
        CHECK(y.back() == 7.0F);
        if (entry.f == BinaryFunction::kAdd || entry.f == BinaryFunction::kSub) continue;
        kernel.backward(entry.f, rows, n, dy.data(), left, right, da.data(), db.data());
        reference::binary_backward(entry.f, rows, n, dy.data(), left, right, want_da.data(),
                                   want_db.data());
        CHECK(test::max_error(da, want_da) < 1e-6);
        CHECK(test::max_error(db, want_db) < 1e-6);
        CHECK(da.back() == 7.0F);
        CHECK(db.back() == 7.0F);
      }
    }
  }
}

TEST_CASE("binary: ties and NaN of maximum and minimum, on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor a = Tensor::from(std::vector{1.0F, 2.0F, nan, 3.0F, nan}, {5});
  const Tensor b = Tensor::from(std::vector{1.0F, 4.0F, 1.0F, nan, nan}, {5});
  for (const auto operation : {maximum, minimum}) {
    const Tensor y = operation(a, b);
    CHECK(y.data()[0] == 1.0F);
    for (int64_t i = 2; i < 5; ++i) CHECK(std::isnan(y.data()[i]));
  }
  const Tensor dy = Tensor::full({5}, 8.0F);
  const auto larger = binary_backward(BinaryFunction::kMaximum, dy, a, b, Needs::all());
  CHECK(larger.da.data()[0] == 4.0F);
  CHECK(larger.db.data()[0] == 4.0F);
  CHECK(larger.da.data()[1] == 0.0F);
  CHECK(larger.db.data()[1] == 8.0F);
  const auto smaller = binary_backward(BinaryFunction::kMinimum, dy, a, b, Needs::all());
  CHECK(smaller.da.data()[0] == 4.0F);
  CHECK(smaller.da.data()[1] == 8.0F);
}

/// Index into a tensor of `shape` that is broadcast to `full`, at the i-th element of `full`.
int64_t broadcast_index(const Shape& full, const Shape& shape, int64_t i) {
  int64_t index = 0;
  int64_t stride = 1;
  for (int64_t back = 1; back <= full.rank(); ++back) {
    const int64_t at = i % full.dim(-back);
    i /= full.dim(-back);
    if (back > shape.rank()) continue;
    if (shape.dim(-back) != 1) index += at * stride;
    stride *= shape.dim(-back);
  }
  return index;
}

TEST_CASE("binary: broadcasting and its gradients", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  const std::vector<std::pair<Shape, Shape>> pairs = {
      {{}, {}},
      {{1}, {1}},
      {{5, 33}, {5, 33}},
      {{4, 5}, {5}},
      {{5}, {4, 5}},
      {{4, 5}, {4, 1}},
      {{3, 1, 5}, {1, 4, 1}},
      {{2, 3, 4}, {}},
      {{1}, {6, 7}},
      {{2, 17, 24}, {1, 17, 24}},
      {{2, 17, 24}, {17, 1}},
      {{2, 3, 2, 5, 2, 3}, {3, 1, 5, 1, 3}},
      {{2, 1, 2, 1, 2, 1}, {1, 3, 1, 2, 1, 3}},
      {{0, 4}, {4}},
      {{3, 0}, {3, 1}},
  };
  for (const auto& [sa, sb] : pairs) {
    const Shape full = broadcast_shape("test", sa, sb);
    const Tensor dy = test::random_tensor(full, 3);
    for (const Entry& entry : kAll) {
      Tensor a = argument(sa, 1);
      Tensor b = argument(sb, 2);
      Tape tape;
      tape.watch(a);
      tape.watch(b);
      const Tensor y = entry.operation(a, b);
      const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
      std::vector<float> want;
      std::vector<double> da(static_cast<size_t>(sa.numel()));
      std::vector<double> db(static_cast<size_t>(sb.numel()));
      for (int64_t i = 0; i < full.numel(); ++i) {
        const int64_t ia = broadcast_index(full, sa, i);
        const int64_t ib = broadcast_index(full, sb, i);
        const float va = a.data()[ia];
        const float vb = b.data()[ib];
        want.push_back(reference::binary(entry.f, va, vb));
        const auto partials = reference::binary_partials<double>(entry.f, va, vb);
        da[static_cast<size_t>(ia)] += static_cast<double>(dy.data()[i]) * partials.da;
        db[static_cast<size_t>(ib)] += static_cast<double>(dy.data()[i]) * partials.db;
      }
      INFO(entry.name << " of " << sa.str() << " and " << sb.str());
      REQUIRE(y.shape() == full);
      CHECK(std::ranges::equal(y.values(), want));
      REQUIRE(g.of(a).shape() == sa);
      REQUIRE(g.of(b).shape() == sb);
      CHECK(test::max_error(g.of(a).values(), da) < 2e-6);
      CHECK(test::max_error(g.of(b).values(), db) < 2e-6);
    }
  }
}

TEST_CASE("binary: a tensor used twice gets both gradients", "[ops][gradient]") {
  Tensor x = argument({3, 50}, 1);
  const Tensor dy = test::random_tensor({3, 50}, 2);
  const auto gradient = [&](const auto& f) {
    Tape tape;
    tape.watch(x);
    const Tensor y = f();
    return tape.backward(std::span(&y, 1), std::span(&dy, 1)).of(x);
  };
  const Tensor twice = gradient([&] { return add(x, x); });
  const Tensor square = gradient([&] { return mul(x, x); });
  const Tensor nothing = gradient([&] { return sub(x, x); });
  const Tensor chain = gradient([&] { return add(add(x, x), mul(x, 3.0F)); });
  for (int64_t i = 0; i < x.numel(); ++i) {
    CHECK(twice.data()[i] == 2 * dy.data()[i]);
    CHECK(square.data()[i] == Approx(2 * dy.data()[i] * x.data()[i]));
    CHECK(nothing.data()[i] == 0.0F);
    CHECK(chain.data()[i] == Approx(5 * dy.data()[i]));
  }
}

TEST_CASE("binary: the number of threads", "[ops][threads]") {
  const std::vector<std::pair<Shape, Shape>> pairs = {{{3, 197, 192}, {3, 197, 192}},
                                                      {{3, 197, 192}, {192}},
                                                      {{197, 1}, {3, 197, 192}},
                                                      {{100001}, {}}};
  for (const auto& [sa, sb] : pairs) {
    const Tensor dy = test::random_tensor(broadcast_shape("test", sa, sb), 3);
    const Tensor a0 = argument(sa, 1);
    const Tensor b0 = argument(sb, 2);
    const auto run = [&](int n) {
      set_threads(n);
      Tensor a = a0.clone();
      Tensor b = b0.clone();
      Tape tape;
      tape.watch(a);
      tape.watch(b);
      const Tensor y = div(mul(a, b), b);
      const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
      set_threads(0);
      return std::vector{y, g.of(a), g.of(b)};
    };
    const auto one = run(1);
    for (const int n : {2, 3, 4}) {
      const auto many = run(n);
      for (size_t i = 0; i < one.size(); ++i) CHECK(test::same_bits(one[i], many[i]));
    }
  }
}

TEST_CASE("binary: an argument that nobody else holds gives its storage", "[ops]") {
  Tensor a = argument({4, 5}, 1);
  const Tensor row = argument({5}, 2);
  const float* storage = a.data();
  CHECK(add(a, row).data() != storage);
  Tensor y = mul(std::move(a), row);
  CHECK(y.data() == storage);
  y = sub(row, std::move(y));
  CHECK(y.data() == storage);
  y = mul(std::move(y), 2.0F);
  CHECK(y.data() == storage);
  const Tensor b = argument({4, 5}, 1);
  for (int64_t i = 0; i < 20; ++i) {
    CHECK(y.data()[i] == 2 * (row.data()[i % 5] - b.data()[i] * row.data()[i % 5]));
  }
  Tensor small = argument({5}, 3);
  const float* small_storage = small.data();
  CHECK(add(std::move(small), y).data() != small_storage);  // does not have the result's shape
}

TEST_CASE("binary: numbers", "[ops][gradient]") {
  Tensor x = argument({7, 9}, 1);
  const Tensor dy = test::random_tensor({7, 9}, 2);
  Tape tape;
  tape.watch(x);
  const Tensor y = mul(add(x, 1.5F), -0.25F);
  const Tensor dx = tape.backward(std::span(&y, 1), std::span(&dy, 1)).of(x);
  for (int64_t i = 0; i < x.numel(); ++i) {
    CHECK(y.data()[i] == (x.data()[i] + 1.5F) * -0.25F);
    CHECK(dx.data()[i] == dy.data()[i] * -0.25F);
  }
}

TEST_CASE("binary: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 197, 768});
  CHECK_THROWS_WITH(add(x, Tensor::zeros({512})),
                    "[add] (2, 197, 768) and (512) do not broadcast: 768 against 512 on axis -1");
  CHECK_THROWS_WITH(mul(Tensor::zeros({3, 1}), x),
                    "[mul] (3, 1) and (2, 197, 768) do not broadcast: 3 against 197 on axis -2");
  CHECK_THROWS_AS(div(Tensor(), x), ShapeError);
  CHECK_THROWS_AS(sub(x, Tensor()), ShapeError);
  CHECK_THROWS_AS(mul(Tensor(), 2.0F), ShapeError);
  CHECK_THROWS_AS(binary_backward(BinaryFunction::kMul, Tensor::zeros({768}), x, x, Needs::all()),
                  ShapeError);
}

}  // namespace
}  // namespace vitrine
