// patch_embed.
//   formula   a direct convolution in double, and its differences as gradients, on every ISA: one
//             and several channels, patches that are not square, images that leave a rest
//   operation tape, bit-identical results for any number of threads, errors
// Not here: the product itself (gemm_test), the values of PyTorch (golden_check).

#include "ops/patch_embed.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::differences;
using test::dot;
using test::max_error;
using test::randoms;

struct Sizes {
  int64_t batch, height, width, channels, dim, p, q;
  int64_t rows() const { return height / p; }
  int64_t columns() const { return width / q; }
  Shape x() const { return {batch, height, width, channels}; }
  Shape weight() const { return {dim, channels, p, q}; }
  Shape y() const { return {batch, rows() * columns(), dim}; }
};

using Values = std::vector<double>;

/// The convolution as its formula says.
Values convolve(const Sizes& s, const Values& x, const Values& weight, const Values& bias) {
  Values y;
  for (int64_t n = 0; n < s.batch * s.rows() * s.columns(); ++n) {
    const int64_t b = n / (s.rows() * s.columns());
    const int64_t i = n / s.columns() % s.rows();
    const int64_t j = n % s.columns();
    for (int64_t d = 0; d < s.dim; ++d) {
      double sum = bias[static_cast<size_t>(d)];
      for (int64_t c = 0; c < s.channels; ++c) {
        for (int64_t u = 0; u < s.p; ++u) {
          for (int64_t v = 0; v < s.q; ++v) {
            const int64_t pixel = (b * s.height + i * s.p + u) * s.width + j * s.q + v;
            const int64_t w = ((d * s.channels + c) * s.p + u) * s.q + v;
            sum += x[static_cast<size_t>(pixel * s.channels + c)] * weight[static_cast<size_t>(w)];
          }
        }
      }
      y.push_back(sum);
    }
  }
  return y;
}

Tensor tensor(const Values& values, const Shape& shape) {
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape);
}

TEST_CASE("patch_embed: values and gradients are those of the convolution", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const Sizes s = GENERATE(Sizes{2, 6, 8, 3, 5, 2, 4}, Sizes{1, 7, 8, 1, 3, 2, 3},
                           Sizes{3, 4, 4, 2, 9, 4, 4}, Sizes{1, 5, 3, 4, 1, 1, 1});
  const Values x = randoms<double>(s.x().numel(), 1);
  const Values weight = randoms<double>(s.weight().numel(), 2);
  const Values bias = randoms<double>(s.dim, 3);
  const Values dy = randoms<double>(s.y().numel(), 4);
  Tensor images = tensor(x, s.x());
  Tensor filters = tensor(weight, s.weight());
  Tensor offsets = tensor(bias, {s.dim});
  Tape tape;
  for (Tensor* leaf : {&images, &filters, &offsets}) tape.watch(*leaf);
  const Tensor y = patch_embed(images, filters, offsets);
  REQUIRE(y.shape() == s.y());
  CHECK(max_error(y.values(), convolve(s, x, weight, bias)) < 1e-6);
  const Tensor plain = patch_embed(tensor(x, s.x()), tensor(weight, s.weight()), Tensor());
  CHECK(max_error(plain.values(), convolve(s, x, weight, Values(bias.size(), 0.0))) < 1e-6);

  const Tensor cotangent = tensor(dy, s.y());
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&cotangent, 1));
  const auto dx =
      differences([&](const Values& v) { return dot(convolve(s, v, weight, bias), dy); }, x);
  const auto dweight =
      differences([&](const Values& v) { return dot(convolve(s, x, v, bias), dy); }, weight);
  const auto dbias =
      differences([&](const Values& v) { return dot(convolve(s, x, weight, v), dy); }, bias);
  CHECK(max_error(g.of(images).values(), dx) < 1e-6);
  CHECK(max_error(g.of(filters).values(), dweight) < 1e-6);
  CHECK(max_error(g.of(offsets).values(), dbias) < 1e-6);
}

TEST_CASE("patch_embed: tape and the number of threads", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const Tensor x0 = test::random_tensor({9, 33, 32, 3}, 1);
  const Tensor dy = test::random_tensor({9, 64, 48}, 2);
  test::same_on_any_threads([&] {
    Tensor x = x0.clone();
    Tensor weight = test::random_tensor({48, 3, 4, 4}, 3);
    Tensor bias = test::random_tensor({48}, 4);
    Tape tape;
    tape.watch(x);
    tape.watch(weight);
    tape.watch(bias);
    const Tensor y = patch_embed(x, weight, bias);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    return std::vector{y, g.of(x), g.of(weight), g.of(bias)};
  });
}

TEST_CASE("patch_embed: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 28, 28, 1});
  const Tensor weight = Tensor::zeros({64, 1, 4, 4});
  const Tensor bias = Tensor::zeros({64});
  CHECK_THROWS_WITH(
      patch_embed(Tensor::zeros({2, 28, 28, 3}), weight, bias),
      "[patch_embed] weight must be (D, 3, p, q) to match x (2, 28, 28, 3), got (64, 1, 4, 4)");
  CHECK_THROWS_WITH(patch_embed(Tensor::zeros({2, 3, 28, 1}), weight, bias),
                    "[patch_embed] patches of (4, 4) do not fit into images of (3, 28)");
  CHECK_THROWS_WITH(patch_embed(Tensor::zeros({28, 28, 1}), weight, bias),
                    "[patch_embed] x must be (B, H, W, C), got (28, 28, 1)");
  CHECK_THROWS_AS(patch_embed(x, weight, Tensor::zeros({63})), ShapeError);
  CHECK_THROWS_AS(patch_embed(x, Tensor::zeros({64, 1, 0, 4}), bias), ShapeError);
  CHECK_THROWS_AS(patch_embed(x, Tensor(), bias), ShapeError);
  CHECK_THROWS_AS(patch_embed(Tensor(), weight, bias), ShapeError);
  CHECK(patch_embed(Tensor::zeros({0, 28, 28, 1}), weight, bias).shape() == Shape{0, 49, 64});
}

}  // namespace
}  // namespace vitrine
