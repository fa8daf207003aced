// standardize_weight: loops over the definition in double, and differences as gradients, on every
// ISA and in both forms; errors. Not here: the values of PyTorch (golden_check).

#include "ops/standardize_weight.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::randoms;

using Values = std::vector<double>;

Tensor tensor(const Values& values, const Shape& shape) {
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape);
}

TEST_CASE("standardize_weight: both forms and their gradients", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const auto form = GENERATE(StandardizeForm::kRoot, StandardizeForm::kSum);
  const double eps = GENERATE(1e-5, 0.25);
  const Values w = randoms<double>(5 * 18, 1, 0.1, 0.05);
  const Values dy = randoms<double>(5 * 18, 2);
  const auto standardize = [&](const Values& from) {
    Values y(from.size());
    for (size_t row = 0; row < from.size(); row += 18) {
      double mean = 0;
      for (size_t i = row; i < row + 18; ++i) mean += from[i] / 18;
      double var = 0;
      for (size_t i = row; i < row + 18; ++i) var += (from[i] - mean) * (from[i] - mean) / 18;
      const double deviation =
          form == StandardizeForm::kRoot ? std::sqrt(var + eps) : std::sqrt(var) + eps;
      for (size_t i = row; i < row + 18; ++i) y[i] = (from[i] - mean) / deviation;
    }
    return y;
  };
  Tensor weight = tensor(w, {5, 2, 3, 3});
  const Tensor cotangent = tensor(dy, {5, 2, 3, 3});
  Tape tape;
  tape.watch(weight);
  const Tensor y = standardize_weight(weight, static_cast<float>(eps), form);
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&cotangent, 1));
  REQUIRE(y.shape() == weight.shape());
  CHECK(max_error(y.values(), standardize(w)) < 4e-6);
  const auto want = differences([&](const Values& v) { return dot(standardize(v), dy); }, w, 1e-4);
  CHECK(max_error(g.of(weight).values(), want) < 4e-6);
}

TEST_CASE("standardize_weight: arguments that do not fit are refused", "[ops][errors]") {
  CHECK_THROWS_AS(standardize_weight(Tensor::zeros({6}), 1e-5F), ShapeError);
  CHECK_THROWS_AS(standardize_weight(Tensor(), 1e-5F), ShapeError);
}

}  // namespace
}  // namespace vitrine
