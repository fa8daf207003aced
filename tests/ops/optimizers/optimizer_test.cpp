// The in-place updates: adamw_, sgd_, ema_, clip_grad_norm.
//   formula   some steps of the operations against the formulas of their papers in double
//   kernel    every ISA against the reference in double: lengths around every vector size,
//             misaligned, nothing written behind the end
//   operation threads, tensors that a tape needs, undefined gradients, errors
// Not here: the values of PyTorch (golden_check), trajectories of whole networks.

#include <catch2/catch.hpp>

#include <limits>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"
#include "ops/kernels/adamw.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/clip_grad_norm.hpp"
#include "ops/kernels/ema.hpp"
#include "ops/kernels/sgd.hpp"
#include "ops/optimizers/adamw.hpp"
#include "ops/optimizers/clip_grad_norm.hpp"
#include "ops/optimizers/ema.hpp"
#include "ops/optimizers/sgd.hpp"
#include "ops/reference/adamw.hpp"
#include "ops/reference/clip_grad_norm.hpp"
#include "ops/reference/ema.hpp"
#include "ops/reference/sgd.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::max_error;
using test::randoms;
using test::same_bits;

/// The same numbers in double and, misaligned by `shift`, in float, with a guard behind.
struct Array {
  int64_t shift;
  std::vector<double> wide;
  std::vector<float> narrow;

  Array(int64_t n, uint64_t stream, int64_t shift_, bool positive = false)
      : shift(shift_), wide(randoms<double>(n, stream)), narrow(static_cast<size_t>(shift), 0.0F) {
    for (double& v : wide) v = positive ? std::abs(v) : v;
    narrow.insert(narrow.end(), wide.begin(), wide.end());
    narrow.push_back(7.0F);
  }
  float* data() { return narrow.data() + shift; }
  bool close() const {
    return narrow.back() == 7.0F &&
           max_error(std::span(narrow).subspan(static_cast<size_t>(shift), wide.size()), wide) <
               5e-7;
  }
};

TEST_CASE("optimizer: kernels agree with the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const kernels::Kernels& kernel = kernels::active();
  const int64_t n = GENERATE(1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 600, 1025);
  const int64_t shift = GENERATE(0, 1, 3);
  INFO("n " << n << ", shift " << shift);
  Array param(n, 1, shift);
  Array grad(n, 2, shift);
  Array m(n, 3, shift);
  Array v(n, 4, shift, true);

  const kernels::AdamWStep adamw{.grad_scale = 0.5F,
                                 .keep = 0.99F,
                                 .l2 = 0.125F,
                                 .gain1 = 0.1F,
                                 .gain2 = 0.001F,
                                 .beta2 = 0.999F,
                                 .rate = 0.01F,
                                 .root_scale = 3.0F,
                                 .eps = 1e-6F,
                                 .ema_decay = 0.75F,
                                 .ema_gain = 0.25F};
  Array average(n, 6, shift);
  for (const bool averaged : {false, true}) {
    reference::adamw_update(n, adamw, grad.wide.data(), param.wide.data(), m.wide.data(),
                            v.wide.data(), averaged ? average.wide.data() : nullptr);
    kernel.adamw->update(n, adamw, grad.data(), param.data(), m.data(), v.data(),
                         averaged ? average.data() : nullptr);
    CHECK(param.close());
    CHECK(m.close());
    CHECK(v.close());
    CHECK(average.close());
  }

  Array buffer(n, 5, shift);
  for (const bool nesterov : {false, true}) {
    const kernels::SgdStep sgd{0.5F, 0.1F, 0.9F, 0.01F, nesterov, 0.75F, 0.25F};
    reference::sgd_update(n, sgd, grad.wide.data(), param.wide.data(), buffer.wide.data(),
                          average.wide.data());
    kernel.sgd->update(n, sgd, grad.data(), param.data(), buffer.data(), average.data());
    CHECK(average.close());
    CHECK(param.close());
    CHECK(buffer.close());
  }
  const kernels::SgdStep plain{1.0F, 0.1F, 0.0F, 0.01F, false, 0.0F, 1.0F};
  reference::sgd_update<double>(n, plain, grad.wide.data(), param.wide.data(), nullptr, nullptr);
  kernel.sgd->update(n, plain, grad.data(), param.data(), nullptr, nullptr);
  CHECK(param.close());

  const float gain = 0.01F;
  reference::ema_update(n, 0.75, static_cast<double>(gain), param.wide.data(), m.wide.data());
  kernel.ema->update(n, 0.75F, gain, param.data(), m.data());
  CHECK(m.close());

  const double squares = reference::gradient_sum_squares(n, grad.wide.data());
  CHECK(kernel.clip_grad_norm->sum_squares(n, grad.data()) == Approx(squares).epsilon(1e-6));
  reference::gradient_scale(n, 0.25, grad.wide.data());
  kernel.clip_grad_norm->scale(n, 0.25F, grad.data());
  CHECK(grad.close());
}

TEST_CASE("optimizer: many tensors at once, clipped and averaged, have the bits of one by one",
          "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const bool adamw = GENERATE(true, false);
  const std::vector<int64_t> sizes = {1, 70000, 3, 40000, 17};
  struct Set {
    std::vector<Tensor> param, grad, first, second, average;
  };
  const auto make = [&] {
    Set s;
    for (const int64_t n : sizes) {
      const auto stream = static_cast<uint64_t>(n);
      s.param.push_back(test::random_tensor({n}, stream));
      s.grad.push_back(test::random_tensor({n}, stream + 1));
      s.first.push_back(Tensor::zeros({n}));
      s.second.push_back(Tensor::zeros({n}));
      s.average.push_back(s.param.back().clone());
    }
    return s;
  };
  const AdamWOptions adamw_options{.lr = 0.01, .weight_decay = 0.1};
  const SgdOptions sgd_options{.lr = 0.01, .momentum = 0.9, .weight_decay = 0.1};
  Set one = make();
  clip_grad_norm(one.grad, 2.0);
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (adamw) {
      adamw_(one.param[i], one.grad[i], one.first[i], one.second[i], adamw_options, 1);
    } else {
      sgd_(one.param[i], one.grad[i], one.first[i], sgd_options);
    }
    ema_(one.average[i], one.param[i], 0.99);
  }
  for (const int n : {1, 3}) {
    set_threads(n);
    Set many = make();
    const UpdateExtras extras{.grad_scale = clip_scale(grad_norm(many.grad), 2.0),
                              .ema_decay = 0.99};
    std::vector<AdamWItem> adamw_items;
    std::vector<SgdItem> sgd_items;
    for (size_t i = 0; i < sizes.size(); ++i) {
      adamw_items.push_back({&many.param[i], &many.grad[i], &many.first[i], &many.second[i],
                             &many.average[i], 0.01, 0.1});
      sgd_items.push_back(
          {&many.param[i], &many.grad[i], &many.first[i], &many.average[i], 0.01, 0.1});
    }
    if (adamw) {
      adamw_(adamw_items, adamw_options, 1, extras);
    } else {
      sgd_(sgd_items, sgd_options, extras);
    }
    for (size_t i = 0; i < sizes.size(); ++i) {
      CHECK(same_bits(many.param[i], one.param[i]));
      CHECK(same_bits(many.first[i], one.first[i]));
      CHECK(same_bits(many.second[i], one.second[i]));
      CHECK(same_bits(many.average[i], one.average[i]));
    }
  }
  set_threads(0);
}

TEST_CASE("adamw_: steps follow the paper", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  constexpr int64_t kN = 21;
  AdamWOptions o{.lr = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1};
  o.kind = GENERATE(WeightDecay::kDecoupled, WeightDecay::kL2);
  Tensor param = test::random_tensor({kN}, 1);
  Tensor m = Tensor::zeros({kN});
  Tensor v = Tensor::zeros({kN});
  auto p = test::to_double(param.values());
  std::vector<double> m1(p.size());
  std::vector<double> v1(p.size());
  for (int64_t step = 1; step <= 20; ++step) {
    const auto grad = randoms(kN, 100 + static_cast<uint64_t>(step));
    adamw_(param, Tensor::from(grad, {kN}), m, v, o, step);
    for (size_t i = 0; i < p.size(); ++i) {
      auto g = static_cast<double>(grad[i]);
      if (o.kind == WeightDecay::kL2) {
        g += o.weight_decay * p[i];
      } else {
        p[i] -= o.lr * o.weight_decay * p[i];
      }
      m1[i] = o.beta1 * m1[i] + (1 - o.beta1) * g;
      v1[i] = o.beta2 * v1[i] + (1 - o.beta2) * g * g;
      const double m_hat = m1[i] / (1 - std::pow(o.beta1, static_cast<double>(step)));
      const double v_hat = v1[i] / (1 - std::pow(o.beta2, static_cast<double>(step)));
      p[i] -= o.lr * m_hat / (std::sqrt(v_hat) + o.eps);
    }
  }
  CHECK(max_error(param.values(), p) < 1e-6);
  CHECK(max_error(m.values(), m1) < 1e-6);
  CHECK(max_error(v.values(), v1) < 1e-6);
}

TEST_CASE("sgd_: steps follow PyTorch's rule", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  constexpr int64_t kN = 21;
  const double momentum = GENERATE(0.0, 0.9);
  const bool nesterov = momentum > 0 && GENERATE(true, false);
  const SgdOptions o{.lr = 0.05, .momentum = momentum, .weight_decay = 0.01, .nesterov = nesterov};
  Tensor param = test::random_tensor({kN}, 1);
  Tensor buffer = momentum > 0 ? Tensor::zeros({kN}) : Tensor();
  auto p = test::to_double(param.values());
  std::vector<double> b;
  for (uint64_t step = 0; step < 10; ++step) {
    const auto grad = randoms(kN, 100 + step);
    sgd_(param, Tensor::from(grad, {kN}), buffer, o);
    std::vector<double> g(p.size());
    for (size_t i = 0; i < p.size(); ++i) g[i] = static_cast<double>(grad[i]) + 0.01 * p[i];
    if (b.empty()) b.assign(p.size(), 0.0);
    for (size_t i = 0; i < p.size(); ++i) {
      b[i] = step == 0 ? g[i] : momentum * b[i] + g[i];  // the first step copies
      p[i] -= 0.05 * (nesterov ? g[i] + momentum * b[i] : b[i]);
    }
  }
  CHECK(max_error(param.values(), p) < 1e-6);
}

TEST_CASE("ema_: follows a constant with the stated rate", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  Tensor average = Tensor::zeros({5});
  const Tensor value = Tensor::full({5}, 2.0F);
  for (int i = 0; i < 1000; ++i) ema_(average, value, 0.9999);
  for (const float v : average.values()) {
    CHECK(v == Approx(2 * (1 - std::pow(0.9999, 1000))).epsilon(1e-4));
  }
}

TEST_CASE("clip_grad_norm: the common norm is limited", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  std::vector<Tensor> grads{test::random_tensor({33, 70}, 1), Tensor(), Tensor::scalar(3),
                            test::random_tensor({0, 4}, 2), test::random_tensor({50000}, 3)};
  double squares = 0;
  for (const Tensor& g : grads) {
    if (!g.defined()) continue;
    for (const float v : g.values()) squares += static_cast<double>(v) * static_cast<double>(v);
  }
  const double norm = std::sqrt(squares);
  const Tensor before = grads[4].clone();
  CHECK(grad_norm(grads) == Approx(norm).epsilon(1e-7));

  // Nothing happens below the limit, not even a write.
  const uint64_t version = grads[4].storage().version();
  CHECK(clip_grad_norm(grads, 1e6) == Approx(norm).epsilon(1e-7));
  CHECK(grads[4].storage().version() == version);

  CHECK(clip_grad_norm(grads, 0.5) == Approx(norm).epsilon(1e-7));
  CHECK(grad_norm(grads) == Approx(0.5).epsilon(1e-5));
  CHECK(grads[4].data()[17] == Approx(before.data()[17] * 0.5 / norm).epsilon(1e-5));
  CHECK(clip_grad_norm({}, 1.0) == 0.0);

  // A NaN is not hidden.
  grads[2] = Tensor::scalar(std::numeric_limits<float>::quiet_NaN());
  CHECK(std::isnan(clip_grad_norm(grads, 1.0)));
  CHECK(std::isnan(grads[4].data()[0]));
}

TEST_CASE("optimizer: the same bits for any number of threads", "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  constexpr int64_t kN = 100001;
  test::same_on_any_threads([&] {
    Tensor param = test::random_tensor({kN}, 1);
    std::vector<Tensor> grads{test::random_tensor({kN}, 2), test::random_tensor({7, 11}, 3)};
    Tensor m = Tensor::zeros({kN});
    Tensor v = Tensor::zeros({kN});
    Tensor buffer = Tensor::zeros({kN});
    Tensor average = param.clone();
    const double norm = clip_grad_norm(grads, 1.0);
    adamw_(param, grads[0], m, v, {}, 1);
    sgd_(param, grads[0], buffer, {.lr = 0.1, .momentum = 0.9});
    ema_(average, param, 0.9);
    return std::vector{
        param, m, v, buffer, average, grads[0], Tensor::scalar(static_cast<float>(norm * 1e6))};
  });
}

TEST_CASE("optimizer: what a tape still needs is not overwritten", "[ops][errors]") {
  Tensor param = Tensor::full({3}, 1.0F);
  Tensor buffer;
  const Tensor grad = Tensor::full({3}, 1.0F);
  {
    const Saved saved(param);
    CHECK_THROWS_AS(sgd_(param, grad, buffer, {}), UsageError);
    CHECK_THROWS_AS(ema_(param, grad, 0.5), UsageError);
    std::vector<Tensor> grads{param};
    CHECK_THROWS_AS(clip_grad_norm(grads, 0.1), UsageError);
  }
  sgd_(param, grad, buffer, {.lr = 0.5});
  CHECK(param.data()[0] == 0.5F);
}

TEST_CASE("optimizer: arguments that do not fit are refused", "[ops][errors]") {
  Tensor a = Tensor::zeros({3});
  Tensor b = Tensor::zeros({3});
  Tensor c = Tensor::zeros({3});
  Tensor other = Tensor::zeros({4});
  Tensor none;
  CHECK_THROWS_WITH(adamw_(a, other, b, c, {}, 1),
                    "[adamw] grad must be (3) to match param (3), got (4)");
  CHECK_THROWS_WITH(adamw_(a, a, b, c, {}, 0), "[adamw] step must be at least 1, got 0");
  CHECK_THROWS_AS(adamw_(a, a, other, c, {}, 1), ShapeError);
  CHECK_THROWS_AS(adamw_(a, a, b, none, {}, 1), ShapeError);
  CHECK_THROWS_AS(adamw_(none, a, b, c, {}, 1), ShapeError);
  CHECK_THROWS_AS(sgd_(a, other, b, {}), ShapeError);
  CHECK_THROWS_AS(sgd_(a, a, none, {.momentum = 0.9}), ShapeError);
  CHECK_THROWS_WITH(sgd_(a, a, none, {.nesterov = true}), "[sgd] nesterov wants momentum > 0");
  CHECK_THROWS_AS(ema_(a, other, 0.9), ShapeError);
  CHECK_THROWS_AS(ema_(none, a, 0.9), ShapeError);
}

}  // namespace
}  // namespace vitrine
