// conv2d and conv2d_add.
//   formula   a direct convolution in double, and its differences as gradients, on every ISA:
//   strides,
//             dilations, groups, four paddings, kernels that are wider than the stride and
//             narrower, 1 x 1 with and without stride, images that leave a rest
//   product   several chunks of rows and blocks of K, where the gathered rows are cut in the middle
//             of a pixel; a frozen weight gives the bits of one that is not
//   operation ReLU and residual, gradients that are not needed, tape, bit-identical results for any
//             number of threads, no new memory in the second call, errors
// Not here: the product itself (gemm_test), the values of PyTorch (golden_check), speed.

#include "ops/conv2d.hpp"
#include "ops/gemm/gemm_packed.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/memory.hpp"
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
using test::same_bits;

using Values = std::vector<double>;

struct Case {
  Shape x, weight;
  Conv2dOptions o;

  Shape y() const {
    const Size2d grid =
        places("test", {x[1], x[2]}, {{weight[2], weight[3]}, o.stride, o.dilation, o.padding});
    return {x[0], grid.h, grid.w, weight[0]};
  }
};

double at(const Values& values, int64_t i) { return values[static_cast<size_t>(i)]; }

/// The sum behind one element of y, as its formula says.
double element(const Case& c, const Values& x, const Values& weight, int64_t b, int64_t i,
               int64_t j, int64_t o) {
  const int64_t channels = c.weight[1];
  const int64_t group = o / (c.weight[0] / c.o.groups);
  double sum = 0;
  for (int64_t u = 0; u < c.weight[2]; ++u) {
    for (int64_t v = 0; v < c.weight[3]; ++v) {
      const int64_t h = i * c.o.stride.h + u * c.o.dilation.h - c.o.padding.top;
      const int64_t w = j * c.o.stride.w + v * c.o.dilation.w - c.o.padding.left;
      if (h < 0 || h >= c.x[1] || w < 0 || w >= c.x[2]) continue;
      for (int64_t k = 0; k < channels; ++k) {
        sum += at(x, ((b * c.x[1] + h) * c.x[2] + w) * c.x[3] + group * channels + k) *
               at(weight, ((o * channels + k) * c.weight[2] + u) * c.weight[3] + v);
      }
    }
  }
  return sum;
}

Values convolve(const Case& c, const Values& x, const Values& weight, const Values& bias) {
  Values y;
  const Shape shape = c.y();
  for (int64_t n = 0; n < shape.numel() / shape[3]; ++n) {
    for (int64_t o = 0; o < shape[3]; ++o) {
      y.push_back(element(c, x, weight, n / (shape[1] * shape[2]), n / shape[2] % shape[1],
                          n % shape[2], o) +
                  at(bias, o));
    }
  }
  return y;
}

Tensor tensor(const Values& values, const Shape& shape) {
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape);
}

const std::vector<Case> cases = {
    {{2, 5, 6, 3}, {4, 3, 3, 3}, {.padding = {1, 1, 1, 1}}},
    {{1, 7, 5, 2}, {3, 2, 3, 3}, {.stride = {2, 2}, .padding = {0, 1, 1, 0}}},
    {{1, 6, 7, 4}, {5, 4, 1, 1}, {}},
    {{2, 7, 6, 3}, {2, 3, 1, 1}, {.stride = {2, 3}}},
    {{1, 9, 8, 2}, {3, 2, 3, 2}, {.stride = {2, 1}, .dilation = {2, 3}, .padding = {2, 1, 3, 0}}},
    {{1, 6, 6, 6}, {4, 3, 3, 3}, {.padding = {1, 1, 1, 1}, .groups = 2}},
    {{1, 5, 6, 4}, {8, 1, 3, 3}, {.stride = {2, 2}, .padding = {1, 1, 1, 1}, .groups = 4}},
    {{2, 8, 9, 3}, {5, 3, 4, 4}, {.stride = {4, 4}}},
    {{1, 10, 11, 1}, {2, 1, 2, 2}, {.stride = {3, 4}, .padding = {2, 2, 2, 2}}},
    {{1, 4, 4, 2}, {3, 2, 7, 7}, {.stride = {2, 2}, .padding = {3, 3, 3, 3}}},
    {{1, 3, 3, 4}, {2, 2, 1, 1}, {.padding = {1, 0, 2, 1}, .groups = 2}},
    // As many outputs as channels: groups of part of a vector, of some vectors, of one channel.
    {{2, 6, 7, 16}, {16, 4, 3, 3}, {.padding = {1, 1, 1, 1}, .groups = 4}},
    {{1, 9, 8, 12}, {12, 3, 3, 3}, {.stride = {2, 2}, .padding = {1, 1, 1, 1}, .groups = 4}},
    {{1, 5, 6, 10}, {10, 1, 3, 2}, {.padding = {1, 0, 1, 0}, .groups = 10}},
    {{1, 5, 20, 40}, {40, 8, 3, 3}, {.padding = {1, 1, 1, 1}, .groups = 5}},
    {{2, 7, 19, 21}, {21, 3, 3, 3}, {.stride = {2, 2}, .padding = {1, 1, 1, 1}, .groups = 7}},
    {{1, 9, 19, 24}, {24, 1, 7, 7}, {.padding = {3, 3, 3, 3}, .groups = 24}},
    {{1, 2, 3, 56}, {56, 28, 1, 2}, {.padding = {0, 0, 1, 2}, .groups = 2}},
    {{1, 5, 4, 6}, {6, 2, 3, 3}, {.padding = {3, 3, 3, 3}, .groups = 3}},
    {{1, 9, 9, 8}, {8, 2, 3, 3}, {.dilation = {2, 2}, .padding = {2, 2, 2, 2}, .groups = 4}},
    {{1, 4, 7, 8}, {8, 4, 1, 1}, {.stride = {1, 2}, .groups = 2}},
    {{1, 8, 8, 6}, {6, 3, 2, 2}, {.stride = {3, 3}, .groups = 2}},
};

TEST_CASE("conv2d: values and gradients are those of the formula", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const size_t index = GENERATE(range(size_t{0}, cases.size()));
  const Case& c = cases[index];
  CAPTURE(index);
  const Values x = randoms<double>(c.x.numel(), 1);
  const Values weight = randoms<double>(c.weight.numel(), 2);
  const Values bias = randoms<double>(c.weight[0], 3);
  const Values dy = randoms<double>(c.y().numel(), 4);
  const Tensor y =
      conv2d(tensor(x, c.x), tensor(weight, c.weight), tensor(bias, {c.weight[0]}), c.o);
  REQUIRE(y.shape() == c.y());
  CHECK(max_error(y.values(), convolve(c, x, weight, bias)) < 1e-6);
  const Values none(bias.size(), 0.0);
  const Tensor plain = conv2d(tensor(x, c.x), tensor(weight, c.weight), Tensor(), c.o);
  CHECK(max_error(plain.values(), convolve(c, x, weight, none)) < 1e-6);

  const auto g = conv2d_backward(tensor(dy, c.y()), tensor(x, c.x), tensor(weight, c.weight), c.o,
                                 Needs::all());
  REQUIRE(g.dx.shape() == c.x);
  REQUIRE(g.dweight.shape() == c.weight);
  REQUIRE(g.dbias.shape() == Shape{c.weight[0]});
  // The convolution is linear in each, so the step may be large and the differences are exact.
  const auto dx =
      differences([&](const Values& v) { return dot(convolve(c, v, weight, none), dy); }, x, 1);
  const auto dweight =
      differences([&](const Values& v) { return dot(convolve(c, x, v, none), dy); }, weight, 1);
  const auto dbias =
      differences([&](const Values& v) { return dot(convolve(c, x, weight, v), dy); }, bias, 1);
  CHECK(max_error(g.dx.values(), dx) < 1e-6);
  CHECK(max_error(g.dweight.values(), dweight) < 1e-6);
  CHECK(max_error(g.dbias.values(), dbias) < 1e-6);
}

TEST_CASE("conv2d: many rows, long sums, and packed weights", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  // 3 blocks of K that end within a pixel; more rows than a chunk, of few channels.
  const auto [x_shape, w_shape] = GENERATE(std::pair{Shape{1, 5, 7, 301}, Shape{9, 301, 3, 3}},
                                           std::pair{Shape{2, 70, 60, 5}, Shape{50, 5, 3, 3}});
  const Case c{x_shape, w_shape, {.padding = {1, 1, 1, 1}}};
  const Values x = randoms<double>(c.x.numel(), 1);
  const Values weight = randoms<double>(c.weight.numel(), 2);
  const Values bias = randoms<double>(c.weight[0], 3);
  const Tensor b = tensor(bias, {c.weight[0]});
  const Tensor y = conv2d(tensor(x, c.x), tensor(weight, c.weight), b, c.o);
  CHECK(max_error(y.values(), convolve(c, x, weight, bias)) < 4e-6);
  Tensor frozen = tensor(weight, c.weight);
  frozen.freeze();
  CHECK(same_bits(conv2d(tensor(x, c.x), frozen, b, c.o), y));
  CHECK(same_bits(conv2d(tensor(x, c.x), frozen, b, c.o), y));
}

TEST_CASE("conv2d: a packed weight is all that is kept, and gives back the same bits",
          "[ops][memory]") {
  const int64_t groups = GENERATE(1, 2);
  const int64_t kernel = GENERATE(1, 3);
  const Tensor x = test::random_tensor({1, 5, 6, 8}, 1);
  Tensor weight = test::random_tensor({60, 8 / groups, kernel, kernel}, 2);
  const Tensor before = weight.clone();
  CHECK_THROWS_AS(pack_conv2d_weight(weight, groups), UsageError);
  weight.freeze();
  CHECK_THROWS_AS(pack_conv2d_weight(weight, 7), ShapeError);
  pack_conv2d_weight(weight, groups);
  CHECK(weight.storage().moved_out());
  const Tensor y = conv2d(x, weight, Tensor(), {.groups = groups});
  CHECK(weight.storage().moved_out());
  CHECK(same_bits(y, conv2d(x, before, Tensor(), {.groups = groups})));
  CHECK(same_bits(weight, before));
}

TEST_CASE("conv2d: groups are packed once, in parts, and give back the same bits",
          "[ops][memory]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t width = GENERATE(1, 3, 8, 20);
  const Tensor x = test::random_tensor({2, 5, 6, 4 * width}, 1);
  Tensor weight = test::random_tensor({4 * width, width, 3, 3}, 2);
  const Tensor residual = test::random_tensor({2, 5, 6, 4 * width}, 3);
  const Tensor bias = test::random_tensor({4 * width}, 4);
  const Tensor before = weight.clone();
  const Conv2dOptions options{.padding = {1, 1, 1, 1}, .groups = 4, .relu = true};
  weight.freeze();
  pack_conv2d_weight(weight, 4);
  CHECK(weight.storage().moved_out());
  CHECK_FALSE(packed_precision(weight).has_value());
  const Tensor y = conv2d_add(x, weight, bias, residual, options);
  CHECK(weight.storage().moved_out());
  CHECK(same_bits(y, conv2d_add(x, before, bias, residual, options)));
  CHECK(same_bits(weight, before));
}

TEST_CASE("conv2d: bias, residual and ReLU are those of the separate operations", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t outputs = GENERATE(5, 16);  // a tail, and whole vectors
  Tensor x = test::random_tensor({2, 5, 6, 3}, 1);
  Tensor weight = test::random_tensor({outputs, 3, 3, 3}, 2);
  Tensor bias = test::random_tensor({outputs}, 3);
  Tensor residual = test::random_tensor({2, 3, 3, outputs}, 4);
  const Tensor dy = test::random_tensor({2, 3, 3, outputs}, 5);
  const Conv2dOptions plain{.stride = {2, 2}, .padding = {1, 1, 1, 1}};
  Conv2dOptions options = plain;
  options.relu = true;

  Tape tape;
  for (Tensor* t : {&x, &weight, &bias, &residual}) tape.watch(*t);
  const Tensor y = conv2d_add(x, weight, bias, residual, options);
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));

  const Tensor sums = conv2d(x, weight, bias, plain);
  std::vector<float> want;
  std::vector<float> masked;
  for (size_t i = 0; i < sums.values().size(); ++i) {
    const float sum = sums.values()[i] + residual.values()[i];
    want.push_back(std::max(sum, 0.0F));
    masked.push_back(sum > 0 ? dy.values()[i] : 0.0F);
  }
  CHECK(max_error(y.values(), want) < 1e-6);
  const Tensor d = Tensor::from(masked, dy.shape());
  const auto expected = conv2d_backward(d, x, weight, plain, Needs::all());
  CHECK(same_bits(g.of(x), expected.dx));
  CHECK(same_bits(g.of(weight), expected.dweight));
  CHECK(same_bits(g.of(bias), expected.dbias));
  CHECK(same_bits(g.of(residual), d));

  const Tensor without = conv2d(x, weight, bias, options);
  for (size_t i = 0; i < sums.values().size(); ++i) {
    CHECK(without.values()[i] == std::max(sums.values()[i], 0.0F));
  }
}

TEST_CASE("conv2d: only what is needed is computed", "[ops]") {
  const Tensor x = test::random_tensor({1, 4, 4, 3}, 1);
  const Tensor weight = test::random_tensor({5, 3, 3, 3}, 2);
  const Tensor dy = test::random_tensor({1, 2, 2, 5}, 3);
  const auto g = conv2d_backward(dy, x, weight, {}, Needs(0b010));
  CHECK_FALSE(g.dx.defined());
  CHECK(g.dweight.defined());
  CHECK_FALSE(g.dbias.defined());
}

TEST_CASE("conv2d: the number of threads changes no bit", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const Conv2dOptions options =
      GENERATE(Conv2dOptions{.padding = {1, 1, 1, 1}},
               Conv2dOptions{.stride = {2, 2}, .padding = {1, 1, 1, 1}, .groups = 6},
               Conv2dOptions{.stride = {2, 2}, .padding = {1, 0, 0, 1}, .groups = 2, .relu = true});
  const Tensor x0 = test::random_tensor({3, 40, 39, 24}, 1);
  test::same_on_any_threads([&] {
    Tensor x = x0.clone();
    const int64_t outputs = options.groups == 6 ? 24 : 70;
    Tensor weight = test::random_tensor({outputs, 24 / options.groups, 3, 3}, 3);
    Tensor bias = test::random_tensor({outputs}, 4);
    Tape tape;
    for (Tensor* t : {&x, &weight, &bias}) tape.watch(*t);
    const Tensor y = conv2d(x, weight, bias, options);
    const Tensor dy = test::random_tensor(y.shape(), 2);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    return std::vector{y, g.of(x), g.of(weight), g.of(bias)};
  });
}

TEST_CASE("conv2d: the second call takes no new block", "[ops][memory]") {
  const Tensor x = test::random_tensor({1, 20, 20, 16}, 1);
  Tensor weight = test::random_tensor({32, 16, 3, 3}, 2);
  const Tensor dy = test::random_tensor({1, 10, 10, 32}, 3);
  const Conv2dOptions options{.stride = {2, 2}, .padding = {1, 1, 1, 1}};
  const auto run = [&] {
    conv2d(x, weight, Tensor(), options);
    conv2d_backward(dy, x, weight, options, Needs::all());
  };
  run();
  const int64_t before = memory_stats().new_blocks;
  run();
  CHECK(memory_stats().new_blocks == before);
}

TEST_CASE("conv2d: arguments that do not fit are refused", "[ops][errors]") {
  const Tensor x = Tensor::zeros({2, 8, 8, 4});
  const Tensor weight = Tensor::zeros({6, 4, 3, 3});
  const Tensor none;
  CHECK_THROWS_WITH(conv2d(Tensor::zeros({8, 8, 4}), weight, none),
                    "[conv2d] x must be (B, H, W, C), got (8, 8, 4)");
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros({6, 3, 3, 3}), none),
                    "[conv2d] weight must be (O, 4, kh, kw), O a multiple of 1, to match x "
                    "(2, 8, 8, 4), got (6, 3, 3, 3)");
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros({6, 4, 9, 3}), none),
                    "[conv2d] a window of 9 pixels does not fit into 8 with 0 of padding");
  CHECK_THROWS_WITH(conv2d(x, weight, none, {.stride = {0, 1}}),
                    "[conv2d] kernel (3, 3), stride (0, 1) and dilation (1, 1) must be from 1 to "
                    "1073741824");
  CHECK_THROWS_WITH(conv2d(x, weight, none, {.padding = {0, -1, 0, 0}}),
                    "[conv2d] padding (0, -1, 0, 0) must be from 0 to 1073741824");
  CHECK_THROWS_AS(conv2d(x, weight, none, {.groups = 3}), ShapeError);
  CHECK_THROWS_AS(conv2d(x, weight, none, {.groups = 0}), ShapeError);
  CHECK_THROWS_AS(conv2d(x, weight, none, {.groups = -1}), ShapeError);
  CHECK_THROWS_AS(conv2d(x, Tensor::zeros({5, 2, 3, 3}), none, {.groups = 2}), ShapeError);
  CHECK_THROWS_AS(conv2d(x, weight, none, {.dilation = {INT64_MAX, 1}}), UsageError);
  CHECK_THROWS_AS(conv2d(x, weight, none, {.padding = {INT64_MAX, 0, 0, 0}}), UsageError);
  CHECK_THROWS_AS(conv2d(x, Tensor::zeros({6, 4, 0, 3}), none), ShapeError);
  CHECK_THROWS_AS(conv2d(x, weight, Tensor::zeros({5})), ShapeError);
  CHECK_THROWS_AS(conv2d(x, none, none), ShapeError);
  CHECK_THROWS_AS(conv2d(none, weight, none), ShapeError);
  CHECK_THROWS_AS(conv2d_add(x, weight, none, none), ShapeError);
  CHECK_THROWS_AS(conv2d_add(x, weight, none, Tensor::zeros({2, 8, 8, 6})), ShapeError);
  CHECK_THROWS_AS(conv2d_backward(Tensor::zeros({2, 8, 8, 6}), x, weight, {}, Needs::all()),
                  ShapeError);
}

TEST_CASE("conv2d: nothing in, nothing out", "[ops]") {
  const Tensor none = Tensor::zeros({0, 8, 8, 4});
  const Tensor weight = Tensor::zeros({6, 4, 3, 3});
  CHECK(conv2d(none, weight, Tensor()).shape() == Shape{0, 6, 6, 6});
  const auto g = conv2d_backward(Tensor::zeros({0, 6, 6, 6}), none, weight, {}, Needs::all());
  CHECK(g.dx.numel() == 0);
  for (const float v : g.dweight.values()) CHECK(v == 0);
  // Without channels only the bias is left.
  const Tensor bias = Tensor::full({6}, 2.0F);
  const Tensor y = conv2d(Tensor::zeros({1, 8, 8, 0}), Tensor::zeros({6, 0, 3, 3}), bias);
  for (const float v : y.values()) CHECK(v == 2);
}

TEST_CASE("same_padding: TensorFlow's rule", "[ops]") {
  const auto padding = [](int64_t size, int64_t kernel, int64_t stride, int64_t dilation = 1) {
    return same_padding("test", {size, size},
                        {{kernel, kernel}, {stride, stride}, {dilation, dilation}});
  };
  CHECK(padding(224, 7, 2) == Padding2d{2, 3, 2, 3});
  CHECK(padding(112, 3, 2) == Padding2d{0, 1, 0, 1});
  CHECK(padding(7, 3, 2) == Padding2d{1, 1, 1, 1});
  CHECK(padding(7, 3, 1) == Padding2d{1, 1, 1, 1});
  CHECK(padding(6, 1, 3) == Padding2d{});
  CHECK(padding(9, 3, 1, 2) == Padding2d{2, 2, 2, 2});
  CHECK_THROWS_AS(padding(8, 3, 0), UsageError);
  CHECK_THROWS_AS(padding(8, INT64_MAX, 1), ShapeError);
}

}  // namespace
}  // namespace vitrine
