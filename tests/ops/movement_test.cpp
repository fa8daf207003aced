// Operations that move numbers: concat, stack, slice, split, permute, transpose, expand.
//   forward   against loops over indices, or against each other
//   backward  all are linear, so sum(dy f(x)) = sum(x dx) must hold for every x; with one that is
//             random, a misplaced element is seen
//   sizes     below, at and above the block of a transposition, and above a chunk of work
// Also threads, errors, empty tensors. Not here: the values of PyTorch (golden_check).

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"
#include "ops/concat.hpp"
#include "ops/expand.hpp"
#include "ops/flip.hpp"
#include "ops/permute.hpp"
#include "ops/slice.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::dot;
using test::random_tensor;
using test::same_bits;

using Operation = std::function<Tensor(const Tensor&)>;

/// Checks dx of a linear operation at x0; returns y.
Tensor check_linear(const Operation& f, const Tensor& x0) {
  Tensor x = x0;
  Tape tape;
  tape.watch(x);
  const Tensor y = f(x);
  const Tensor dy = random_tensor(y.shape(), 99);
  const Tensor dx = tape.backward(std::span(&y, 1), std::span(&dy, 1)).of(x);
  REQUIRE(dx.shape() == x.shape());
  const double want = dot(y.values(), dy.values());
  CHECK(dot(x.values(), dx.values()) == Approx(want).epsilon(1e-5).margin(1e-5));
  return y;
}

/// Element of x at an index per axis.
float at(const Tensor& x, const std::vector<int64_t>& index) {
  int64_t offset = 0;
  for (size_t i = 0; i < index.size(); ++i) {
    offset = offset * x.shape()[static_cast<int64_t>(i)] + index[i];
  }
  return x.data()[offset];
}

/// The index per axis of the i-th element.
std::vector<int64_t> index_of(const Shape& shape, int64_t i) {
  std::vector<int64_t> index(static_cast<size_t>(shape.rank()));
  for (int64_t axis = shape.rank() - 1; axis >= 0; --axis) {
    index[static_cast<size_t>(axis)] = i % shape[axis];
    i /= shape[axis];
  }
  return index;
}

TEST_CASE("permute: every order of the axes", "[ops]") {
  for (const Shape& shape : {Shape{2, 3, 17, 20}, Shape{33, 1, 2, 35}}) {
    const Tensor x = random_tensor(shape, 1);
    std::vector<int64_t> axes{0, 1, 2, 3};
    do {
      const Tensor y = check_linear([&](const Tensor& t) { return permute(t, axes); }, x);
      bool right = true;
      for (int64_t i = 0; i < y.numel() && right; ++i) {
        const auto to = index_of(y.shape(), i);
        std::vector<int64_t> from(4);
        for (size_t k = 0; k < 4; ++k) from[static_cast<size_t>(axes[k])] = to[k];
        right = y.data()[i] == at(x, from);
      }
      INFO(axes[0] << axes[1] << axes[2] << axes[3]);
      CHECK(right);
    } while (std::ranges::next_permutation(axes).found);
  }
}

TEST_CASE("permute: large and small matrices, and back", "[ops][threads]") {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{197, 768},
                                      {1000, 3},
                                      {3, 1000},
                                      {16, 16},
                                      {1, 50},
                                      {15, 31},
                                      {40000, 2},
                                      {2, 40000}}) {
    const Tensor x = random_tensor({3, rows, columns}, 1);
    set_threads(1);
    const Tensor y = transpose(x, -1, 1);
    set_threads(0);
    REQUIRE(y.shape() == Shape{3, columns, rows});
    bool right = true;
    for (int64_t i = 0; i < y.numel(); ++i) {
      const int64_t row = i % rows;
      const int64_t column = i / rows % columns;
      const int64_t matrix = i / rows / columns;
      right = right && y.data()[i] == x.data()[(matrix * rows + row) * columns + column];
    }
    CHECK(right);
    CHECK(same_bits(permute(y, {0, -1, -2}), x));
    for (const int n : {2, 3, 4}) {
      set_threads(n);
      CHECK(same_bits(transpose(x, 1, 2), y));
    }
    set_threads(0);
  }
  CHECK(permute(Tensor::scalar(3), {}).item() == 3.0F);
  CHECK(transpose(Tensor::scalar(3), 0, -1).item() == 3.0F);
  CHECK(flip(Tensor::scalar(3), {-1}).item() == 3.0F);
  CHECK(permute(Tensor::zeros({2, 0, 3}), {2, 0, 1}).shape() == Shape{3, 2, 0});
}

TEST_CASE("permute: axes that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 3, 4});
  CHECK_THROWS_WITH(permute(x, {0, 1}),
                    "[permute] axes (0, 1) must name every axis of (2, 3, 4) once");
  CHECK_THROWS_AS(permute(x, {0, 1, 1}), ShapeError);
  CHECK_THROWS_AS(permute(x, {0, 1, 3}), ShapeError);
  CHECK_THROWS_AS(permute(x, {0, 1, 2, 0}), ShapeError);
  CHECK_THROWS_AS(permute(x, {0, -4, 2}), ShapeError);
  CHECK_THROWS_AS(transpose(x, 0, 3), ShapeError);
  const Tensor scalar = Tensor::scalar(3);
  CHECK_THROWS_AS(transpose(scalar, 0, 1), ShapeError);
  CHECK_THROWS_AS(flip(scalar, {-2}), ShapeError);

  CHECK_THROWS_AS(permute(Tensor(), {}), ShapeError);
}

/// Positions of range(size)[start:stop:step] by Python's rule, in the plainest way.
std::vector<int64_t> positions(int64_t size, int64_t start, int64_t stop, int64_t step) {
  if (start < 0) start += size;
  if (stop < 0) stop += size;
  std::vector<int64_t> result;
  for (int64_t i = std::max<int64_t>(start, 0); i < std::min(stop, size); i += step) {
    result.push_back(i);
  }
  return result;
}

TEST_CASE("slice: starts, stops and steps", "[ops]") {
  const Shape shape{4, 7, 9};
  const Tensor x = random_tensor(shape, 1);
  const std::vector<std::vector<int64_t>> ranges = {
      {0, kEnd, 1}, {1, 6, 1}, {-3, -1, 1}, {0, 9, 2}, {2, 3, 5}, {-100, 100, 3}, {5, 2, 1}};
  for (const auto& a : ranges) {
    for (const auto& b : ranges) {
      const auto& c = ranges[static_cast<size_t>((a[2] + b[2]) % 6)];
      const auto f = [&](const Tensor& t) {
        return slice(t, {a[0], b[0], c[0]}, {a[1], b[1], c[1]}, {a[2], b[2], c[2]});
      };
      const Tensor y = check_linear(f, x);
      std::vector<float> want;
      for (const int64_t i : positions(4, a[0], a[1], a[2])) {
        for (const int64_t j : positions(7, b[0], b[1], b[2])) {
          for (const int64_t k : positions(9, c[0], c[1], c[2])) want.push_back(at(x, {i, j, k}));
        }
      }
      CHECK(std::ranges::equal(y.values(), want));
    }
  }
}

TEST_CASE("slice: one axis, and the whole of a tensor by parts", "[ops]") {
  const Tensor x = random_tensor({3, 17, 8}, 1);
  const Tensor tokens = check_linear([](const Tensor& t) { return slice_axis(t, 1, 1, kEnd); }, x);
  CHECK(tokens.shape() == Shape{3, 16, 8});
  CHECK(tokens.data()[0] == at(x, {0, 1, 0}));
  for (const auto& [sizes, axis] :
       {std::pair<std::vector<int64_t>, int64_t>{{1, 16}, 1}, {{4, 0, 4}, -1}, {{3}, 0}}) {
    const auto parts = split(x, sizes, axis);
    REQUIRE(parts.size() == sizes.size());
    CHECK(same_bits(concat(parts, axis), x));
  }
  check_linear([](const Tensor& t) { return split(t, {5, 12}, 1)[1]; }, x);
}

TEST_CASE("slice: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({4, 6});
  CHECK_THROWS_WITH(slice(x, {0}, {1}),
                    "[slice] (4, 6) needs 2 starts, stops and steps, got 1, 1 and 0");
  CHECK_THROWS_WITH(slice(x, {0, 0}, {4, 6}, {1, 0}),
                    "[slice] step 0 of axis 1 must be at least 1");
  CHECK_THROWS_AS(slice(x, {0, 0}, {4, 6}, {1, -1}), UsageError);
  CHECK_THROWS_AS(slice_axis(x, 2, 0, 1), ShapeError);
  CHECK_THROWS_AS(slice(Tensor(), {}, {}), ShapeError);
  CHECK_THROWS_WITH(split(x, {2, 3}, 1), "[split] sizes (2, 3) must add up to axis 1 of (4, 6)");
  CHECK_THROWS_AS(split(x, {7, -1}, 1), ShapeError);
  CHECK_THROWS_AS(split(x, {4, 3}, 1), ShapeError);
  CHECK_THROWS_AS(slice_backward(Tensor::zeros({2, 2}), {4, 6}, {0, 0}, {4, 6}), ShapeError);
}

TEST_CASE("concat: any axis, any number of parts", "[ops]") {
  for (const int64_t axis : {0, 1, 2, -1}) {
    const Shape base{3, 4, 5};
    std::vector<Tensor> parts;
    parts.reserve(4);
    for (int64_t k = 0; k < 4; ++k) {
      parts.push_back(
          random_tensor(base.with(axis, 2 * k), static_cast<uint64_t>(k)));  // one empty
    }
    const Tensor y = concat(parts, axis);
    CHECK(y.shape() == base.with(axis, 12));
    int64_t start = 0;
    for (const Tensor& part : parts) {
      const int64_t stop = start + part.dim(axis);
      CHECK(same_bits(slice_axis(y, axis, start, stop), part));
      start = stop;
    }
    // The gradient of each part, and of a tensor that is there twice.
    for (size_t k = 0; k < parts.size(); ++k) {
      check_linear(
          [&](const Tensor& t) {
            auto replaced = std::vector(4, t);
            return slice_axis(concat(replaced, axis), axis, 1, kEnd);
          },
          parts[k]);
    }
  }
  const Tensor token = random_tensor({1, 1, 8}, 5);
  const Tensor patches = random_tensor({1, 16, 8}, 6);
  CHECK(concat({token, patches}, 1).shape() == Shape{1, 17, 8});
}

TEST_CASE("concat: more parts than Needs has bits", "[ops][gradient]") {
  Tensor x = random_tensor({3}, 1);
  Tape tape;
  tape.watch(x);
  std::vector<Tensor> parts(70, Tensor::zeros({3}));
  parts[65] = x;
  parts[69] = x;
  const Tensor y = concat(parts, 0);
  const Tensor dy = random_tensor({210}, 2);
  const Tensor dx = tape.backward(std::span(&y, 1), std::span(&dy, 1)).of(x);
  for (int64_t i = 0; i < 3; ++i) {
    CHECK(dx.data()[i] == dy.data()[195 + i] + dy.data()[207 + i]);
  }
}

TEST_CASE("stack: a new axis anywhere", "[ops]") {
  const Tensor a = random_tensor({2, 3}, 1);
  const Tensor b = random_tensor({2, 3}, 2);
  CHECK(same_bits(stack({a, b}, 0).rows(1, 2).reshape({2, 3}), b));
  CHECK(stack({a, b}, 1).shape() == Shape{2, 2, 3});
  const Tensor last = check_linear([&](const Tensor& t) { return stack({t, t}, -1); }, a);
  CHECK(last.shape() == Shape{2, 3, 2});
  CHECK(at(last, {1, 2, 0}) == at(a, {1, 2}));
  CHECK(stack({Tensor::scalar(1), Tensor::scalar(2)}, 0).shape() == Shape{2});
}

TEST_CASE("concat, stack: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH(concat({x, Tensor::zeros({2, 4})}, 0),
                    "[concat] part 1 must match part 0 (2, 3) on every axis but 0, got (2, 4)");
  CHECK_THROWS_AS(concat({x, Tensor::zeros({2})}, 0), ShapeError);
  CHECK_THROWS_AS(concat({x, Tensor()}, 0), ShapeError);
  CHECK_THROWS_AS(concat({x}, 2), ShapeError);
  CHECK_THROWS_AS(concat(std::vector<Tensor>(), 0), ShapeError);
  CHECK_THROWS_AS(concat({Tensor::scalar(1)}, 0), ShapeError);
  CHECK_THROWS_WITH(stack({x, Tensor::zeros({3, 2})}, 0),
                    "[stack] part 1 must be (2, 3) to match part 0 (2, 3), got (3, 2)");
  CHECK_THROWS_AS(stack({x}, 3), ShapeError);
  CHECK_THROWS_AS(stack(std::vector<Tensor>(), 0), ShapeError);
}

TEST_CASE("expand: repeats, and sums back", "[ops]") {
  for (const auto& [from, to] : std::vector<std::pair<Shape, Shape>>{{{1, 1, 8}, {4, 1, 8}},
                                                                     {{3, 1}, {2, 3, 5}},
                                                                     {{}, {3, 2}},
                                                                     {{2, 1, 3, 1}, {2, 5, 3, 4}},
                                                                     {{1, 70000}, {2, 70000}},
                                                                     {{1}, {70000}},
                                                                     {{3, 1}, {3, 0}},
                                                                     {{2, 3}, {2, 3}}}) {
    const Tensor x = random_tensor(from, 1);
    const Tensor y = check_linear([&, shape = to](const Tensor& t) { return expand(t, shape); }, x);
    REQUIRE(y.shape() == to);
    bool right = true;
    for (int64_t i = 0; i < y.numel() && right; ++i) {
      auto index = index_of(to, i);
      index.erase(index.begin(), index.begin() + (to.rank() - from.rank()));
      for (size_t k = 0; k < index.size(); ++k) {
        if (from[static_cast<int64_t>(k)] == 1) index[k] = 0;
      }
      right = y.data()[i] == at(x, index);
    }
    CHECK(right);
    CHECK(!y.shares_storage(x));
  }
  CHECK_THROWS_WITH(expand(Tensor::zeros({2, 3}), {2, 4}),
                    "[expand] (2, 3) does not broadcast to (2, 4)");
  CHECK_THROWS_AS(expand(Tensor::zeros({2, 3}), {3}), ShapeError);
  CHECK_THROWS_AS(expand(Tensor(), {3}), ShapeError);
}

}  // namespace
}  // namespace vitrine
