// squeeze_excitation and efficient_channel_attention: values and gradients against the reference
// loops in double (gradients by differences of them), on every ISA; shapes, errors, thread counts.
// Sizes: one pixel, one channel, and numbers that are no multiples of a vector; kernels wider than
// there are channels. Tolerances: 2e-6 of values of about 1; gradients in float against double
// 1e-5.

#include "ops/channel_attention.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "ops/reference/channel_attention.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::max_error;
using test::random_tensor;
using test::to_double;
using Numbers = std::vector<double>;

/// An operation of x (B, H, W, C) and weights: itself, and all its images in double.
struct Case {
  Tensor x, dy;
  std::vector<Tensor> weights;
  std::function<Tensor(const Case&)> got;
  std::function<void(const Case&, const double* x, const std::vector<Numbers>& weights, double* y)>
      of_image;

  int64_t pixels() const { return x.dim(1) * x.dim(2); }
  int64_t channels() const { return x.dim(3); }
  Numbers want(const Numbers& images, const std::vector<Numbers>& w) const {
    Numbers y(images.size());
    const int64_t image = pixels() * channels();
    for (int64_t b = 0; b < x.dim(0); ++b) {
      of_image(*this, images.data() + b * image, w, y.data() + b * image);
    }
    return y;
  }
  std::vector<Numbers> weights_in_double() const {
    std::vector<Numbers> all;
    for (const Tensor& w : weights) all.push_back(to_double(w.values()));
    return all;
  }
};

Case squeeze_case(const Shape& shape, int64_t reduced) {
  const int64_t c = shape[3];
  return {random_tensor(shape, 1),
          random_tensor(shape, 2),
          {random_tensor({reduced, c, 1, 1}, 3), random_tensor({reduced}, 4),
           random_tensor({c, reduced, 1, 1}, 5), random_tensor({c}, 6)},
          [](const Case& s) {
            const auto& w = s.weights;
            return squeeze_excitation(s.x, w[0], w[1], w[2], w[3]);
          },
          [reduced](const Case& s, const double* x, const std::vector<Numbers>& w, double* y) {
            reference::squeeze_excitation(s.pixels(), s.channels(), reduced, x, w[0].data(),
                                          w[1].data(), w[2].data(), w[3].data(), y);
          }};
}

Case eca_case(const Shape& shape, int64_t k) {
  return {random_tensor(shape, 1),
          random_tensor(shape, 2),
          {random_tensor({1, 1, k}, 3)},
          [](const Case& s) { return efficient_channel_attention(s.x, s.weights[0]); },
          [k](const Case& s, const double* x, const std::vector<Numbers>& w, double* y) {
            reference::efficient_channel_attention(s.pixels(), s.channels(), k, x, w[0].data(), y);
          }};
}

void check_values(const Case& c) {
  const Numbers want = c.want(to_double(c.x.values()), c.weights_in_double());
  CHECK(c.got(c).shape() == c.x.shape());
  CHECK(max_error(c.got(c).values(), want) < 2e-6);
}

void check_gradients(Case c) {
  Tape tape;
  tape.watch(c.x);
  for (Tensor& w : c.weights) tape.watch(w);
  const Tensor y = c.got(c);
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&c.dy, 1));
  const Numbers x = to_double(c.x.values());
  const Numbers dy = to_double(c.dy.values());
  const std::vector<Numbers> weights = c.weights_in_double();
  const auto of_x = [&](const auto& v) { return test::dot(c.want(v, weights), dy); };
  CHECK(max_error(g.of(c.x).values(), test::differences(of_x, x)) < 1e-5);
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto of_weight = [&](const auto& v) {
      std::vector<Numbers> changed = weights;
      changed[i] = v;
      return test::dot(c.want(x, changed), dy);
    };
    CHECK(max_error(g.of(c.weights[i]).values(), test::differences(of_weight, weights[i])) < 1e-5);
  }
}

TEST_CASE("channel attention: values are those of the loops on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  check_values(squeeze_case({2, 3, 5, 19}, 8));
  check_values(squeeze_case({1, 1, 1, 1}, 1));
  check_values(squeeze_case({3, 7, 2, 64}, 5));
  check_values(eca_case({2, 3, 5, 19}, 5));
  check_values(eca_case({1, 1, 1, 1}, 3));
  check_values(eca_case({2, 4, 4, 2}, 7));
}

TEST_CASE("channel attention: gradients are the differences of the loops", "[ops][gradient]") {
  check_gradients(squeeze_case({2, 2, 3, 5}, 3));
  check_gradients(eca_case({2, 3, 2, 5}, 3));
  check_gradients(eca_case({1, 2, 2, 2}, 5));
}

TEST_CASE("channel attention: any number of threads, wrong shapes", "[ops]") {
  const Case squeeze = squeeze_case({3, 9, 9, 48}, 8);
  const Case eca = eca_case({3, 9, 9, 48}, 5);
  test::same_on_any_threads([&] { return std::vector{squeeze.got(squeeze), eca.got(eca)}; });
  CHECK_THROWS_AS(efficient_channel_attention(eca.x, random_tensor({1, 1, 4}, 1)), ShapeError);
  CHECK_THROWS_AS(efficient_channel_attention(random_tensor({3, 4}, 1), eca.weights[0]),
                  ShapeError);
  const auto& w = squeeze.weights;
  CHECK_THROWS_AS(squeeze_excitation(squeeze.x, w[2], w[1], w[2], w[3]), ShapeError);
  CHECK_THROWS_AS(squeeze_excitation(squeeze.x, w[0], w[3], w[2], w[3]), ShapeError);
}

}  // namespace
}  // namespace vitrine
