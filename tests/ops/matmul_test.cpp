// matmul: NumPy's rules on top of gemm.
//   values     against plain loops in double: one axis, matrices, stacks, broadcasting, transposes
//   gradient   the tape's gradients against differences of those loops: error below 1e-5
//   bits       the same for any number of threads
//   errors     what does not fit is refused with both shapes in the text
// Not here: sizes, ISAs and epilogues of the product itself (gemm_test).

#include "ops/matmul.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::random_tensor;
using test::to_double;

using Doubles = std::vector<double>;

/// An operand as (..., rows, columns) with strides of 0 where it is broadcast.
struct View {
  std::vector<int64_t> batch;
  int64_t rows, columns, row_stride, column_stride;

  View(const Shape& shape, bool transposed, bool left) {
    std::vector<int64_t> dims(shape.begin(), shape.end());
    if (dims.size() == 1) dims.insert(left ? dims.begin() : dims.end(), 1);
    batch.assign(dims.begin(), dims.end() - 2);
    rows = dims[dims.size() - 2];
    columns = dims[dims.size() - 1];
    row_stride = columns;
    column_stride = 1;
    if (transposed) {
      std::swap(rows, columns);
      std::swap(row_stride, column_stride);
    }
  }
  /// Where the matrix of item `index` of the broadcast batch `sizes` begins.
  int64_t offset(const std::vector<int64_t>& sizes, int64_t index) const {
    int64_t at = 0;
    int64_t stride = rows * columns;
    for (size_t i = 0; i < sizes.size(); ++i) {
      const int64_t own = i < batch.size() ? batch[batch.size() - 1 - i] : 1;
      at += (own == 1 ? 0 : index % sizes[sizes.size() - 1 - i]) * stride;
      index /= sizes[sizes.size() - 1 - i];
      stride *= own;
    }
    return at;
  }
};

struct Case {
  Shape a, b, y;
  bool ta, tb;

  Doubles product(const Doubles& x, const Doubles& z) const {
    const View left(a, ta, true);
    const View right(b, tb, false);
    std::vector<int64_t> sizes(std::max(left.batch.size(), right.batch.size()));
    int64_t items = 1;
    for (size_t i = 0; i < sizes.size(); ++i) {
      const auto own = [&](const View& v) {
        return i < v.batch.size() ? v.batch[v.batch.size() - 1 - i] : 1;
      };
      sizes[sizes.size() - 1 - i] = own(left) == 1 ? own(right) : own(left);
      items *= sizes[sizes.size() - 1 - i];
    }
    Doubles out;
    for (int64_t item = 0; item < items; ++item) {
      for (int64_t i = 0; i < left.rows; ++i) {
        for (int64_t j = 0; j < right.columns; ++j) {
          double sum = 0;
          for (int64_t p = 0; p < left.columns; ++p) {
            sum += x[static_cast<size_t>(left.offset(sizes, item) + i * left.row_stride +
                                         p * left.column_stride)] *
                   z[static_cast<size_t>(right.offset(sizes, item) + p * right.row_stride +
                                         j * right.column_stride)];
          }
          out.push_back(sum);
        }
      }
    }
    return out;
  }
};

const std::vector<Case> matmul_cases = {
    {{5}, {5}, {}, false, false},
    {{5}, {5, 3}, {3}, false, false},
    {{5}, {3, 5}, {3}, false, true},
    {{4, 5}, {5}, {4}, false, false},
    {{5, 4}, {5}, {4}, true, false},
    {{2, 4, 5}, {5}, {2, 4}, false, false},
    {{5}, {2, 5, 3}, {2, 3}, false, false},
    {{4, 5}, {5, 3}, {4, 3}, false, false},
    {{5, 4}, {5, 3}, {4, 3}, true, false},
    {{4, 5}, {3, 5}, {4, 3}, false, true},
    {{5, 4}, {3, 5}, {4, 3}, true, true},
    {{2, 4, 5}, {5, 3}, {2, 4, 3}, false, false},
    {{2, 4, 5}, {3, 5}, {2, 4, 3}, false, true},
    {{2, 5, 4}, {5, 3}, {2, 4, 3}, true, false},
    {{4, 5}, {2, 5, 3}, {2, 4, 3}, false, false},
    {{5, 4}, {2, 3, 5}, {2, 4, 3}, true, true},
    {{3, 4, 5}, {3, 5, 2}, {3, 4, 2}, false, false},
    {{2, 1, 4, 5}, {3, 5, 2}, {2, 3, 4, 2}, false, false},
    {{2, 3, 5, 4}, {2, 1, 2, 5}, {2, 3, 4, 2}, true, true},
    {{1, 4, 5}, {1, 5, 2}, {1, 4, 2}, false, false},
    {{2, 1, 2, 1, 3, 4}, {1, 2, 1, 2, 4, 2}, {2, 2, 2, 2, 3, 2}, false, false},
    {{3, 0}, {0, 2}, {3, 2}, false, false},
    {{0, 4}, {4, 2}, {0, 2}, false, false},
    {{0, 4, 5}, {5, 2}, {0, 4, 2}, false, false},
};

TEST_CASE("matmul: values and gradients follow NumPy's rules", "[ops][gradient]") {
  const ScopedIsa isa(test::each_isa());
  for (const Case& c : matmul_cases) {
    INFO("a " << c.a.str() << (c.ta ? " transposed" : "") << ", b " << c.b.str()
              << (c.tb ? " transposed" : ""));
    Tensor a = random_tensor(c.a, 1);
    Tensor b = random_tensor(c.b, 2);
    Tape tape;
    tape.watch(a);
    tape.watch(b);
    const Tensor y = matmul(a, b, c.ta, c.tb);
    REQUIRE(y.shape() == c.y);
    const Doubles x = to_double(a.values());
    const Doubles z = to_double(b.values());
    CHECK(max_error(y.values(), c.product(x, z)) < 2e-6);

    const Tensor dy = random_tensor(c.y, 3);
    const Doubles d = to_double(dy.values());
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    const auto da = differences([&](const Doubles& v) { return dot(c.product(v, z), d); }, x);
    const auto db = differences([&](const Doubles& v) { return dot(c.product(x, v), d); }, z);
    REQUIRE(g.of(a).shape() == c.a);
    REQUIRE(g.of(b).shape() == c.b);
    CHECK(max_error(g.of(a).values(), da) < 1e-5);
    CHECK(max_error(g.of(b).values(), db) < 1e-5);
  }
}

TEST_CASE("matmul: only the gradients that are needed are computed", "[ops][gradient]") {
  const Tensor a = random_tensor({3, 4}, 1);
  const Tensor b = random_tensor({4, 2}, 2);
  const Tensor dy = random_tensor({3, 2}, 3);
  const auto only_a = matmul_backward(dy, a, b, false, false, Needs(1));
  CHECK(only_a.da.defined());
  CHECK_FALSE(only_a.db.defined());
  const auto only_b = matmul_backward(dy, a, b, false, false, Needs(2));
  CHECK_FALSE(only_b.da.defined());
  CHECK(only_b.db.defined());
}

TEST_CASE("matmul: the same bits for any number of threads", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor a0 = random_tensor({2, 3, 97, 64}, 1);
  const Tensor b0 = random_tensor({3, 97, 64}, 2);
  const Tensor dy = random_tensor({2, 3, 97, 97}, 3);
  test::same_on_any_threads([&] {
    Tensor a = a0.clone();
    Tensor b = b0.clone();
    Tape tape;
    tape.watch(a);
    tape.watch(b);
    const Tensor y = matmul(a, b, false, true);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    return std::vector{y, g.of(a), g.of(b)};
  });
}

TEST_CASE("matmul: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor a = Tensor::zeros({2, 3, 4});
  CHECK_THROWS_WITH(matmul(a, Tensor::zeros({5, 2})),
                    "[matmul] a (2, 3, 4) and b (5, 2) do not fit: 4 columns against 5 rows");
  CHECK_THROWS_WITH(
      matmul(a, Tensor::zeros({4, 2}), false, true),
      "[matmul] a (2, 3, 4) and b (4, 2) transposed do not fit: 4 columns against 2 rows");
  CHECK_THROWS_AS(matmul(a, Tensor::zeros({5, 4, 2})), ShapeError);  // batches 2 and 5
  CHECK_THROWS_AS(matmul(a, Tensor::scalar(1)), ShapeError);
  CHECK_THROWS_AS(matmul(Tensor::scalar(1), a), ShapeError);
  CHECK_THROWS_AS(matmul(Tensor::zeros({4}), Tensor::zeros({4, 2}), true, false), ShapeError);
  CHECK_THROWS_AS(matmul(a, Tensor::zeros({4}), false, true), ShapeError);
  CHECK_THROWS_AS(matmul(a, Tensor()), ShapeError);
  CHECK_THROWS_AS(matmul_backward(Tensor::zeros({2, 3, 3}), a, Tensor::zeros({4, 2}), false, false,
                                  Needs::all()),
                  ShapeError);
}

}  // namespace
}  // namespace vitrine
