#include "ops/layer_norm.hpp"

#include "core/ceil_div.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/layer_norm.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 14;
// Sums over rows are kept per chunk and added in order: more chunks would balance better, but each
// costs a row of partial sums.
constexpr int64_t kMaxChunks = 32;

const float* pointer(const Tensor& t) { return t.defined() ? t.data() : nullptr; }

int64_t rows_per_chunk(int64_t rows, int64_t width) {
  const int64_t by_work = std::max<int64_t>(kChunkElements / std::max<int64_t>(width, 1), 1);
  return std::max(by_work, ceil_div(rows, kMaxChunks));
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, float eps) {
  const ProfileScope profile("layer_norm");
  check_rank_at_least("layer_norm", "x", x, 1);
  const int64_t width = x.dim(-1);
  if (gamma.defined() || beta.defined()) {
    check_shape("layer_norm", "gamma", gamma, {width}, "x", x.shape());
    check_shape("layer_norm", "beta", beta, {width}, "x", x.shape());
  }
  const int64_t rows = rows_of(x);
  Tensor y = Tensor::empty(x.shape());
  LayerNormStatistics statistics{Tensor::empty({rows}), Tensor::empty({rows})};

  const kernels::LayerNorm& kernel = *kernels::active().layer_norm;
  float* to = y.mutable_data();
  float* mean = statistics.mean.mutable_data();
  float* rstd = statistics.rstd.mutable_data();
  parallel_for(rows, rows_per_chunk(rows, width), [&](int64_t begin, int64_t end) {
    kernel.forward(end - begin, width, x.data() + begin * width, pointer(gamma), pointer(beta), eps,
                   to + begin * width, mean + begin, rstd + begin);
  });

  if (Tape* tape = Tape::recording({&x, &gamma, &beta})) {
    tape->record(
        {&x, &gamma, &beta}, y,
        [x = Saved(x), gamma = Saved(gamma), statistics](const Tensor& dy, Needs needs) {
          auto g = layer_norm_backward(dy, x, gamma, statistics, needs);
          return std::vector{g.dx, g.dgamma, g.dbeta};
        },
        [x = Saved(x), gamma = Saved(gamma), beta = Saved(beta), eps] {
          return layer_norm(x, gamma, beta, eps);
        });
  }
  return y;
}

LayerNormGradients layer_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gamma,
                                       const LayerNormStatistics& statistics, Needs needs) {
  check_shape("layer_norm_backward", "dy", dy, x.shape(), "x", x.shape());
  const int64_t width = x.dim(-1);
  const int64_t rows = rows_of(x);
  const int64_t grain = rows_per_chunk(rows, width);
  const int64_t chunks = ceil_div(rows, grain);

  LayerNormGradients g;
  // In a residual network x goes round the branch too: its gradient from there is added in passing.
  Tensor sum = needs.take_sum(0);
  if (needs[0]) g.dx = sum.defined() && sum.unique() ? sum : Tensor::empty(x.shape());
  if (sum.defined()) check_shape("layer_norm_backward", "sum", sum, x.shape(), "x", x.shape());
  float* dx = needs[0] ? g.dx.mutable_data() : nullptr;
  // Partial sums of dgamma and dbeta, one row of each per chunk.
  Tensor partial = Tensor::zeros({2, chunks, width});
  float* dgamma = partial.mutable_data();
  float* dbeta = dgamma + chunks * width;

  const kernels::LayerNorm& kernel = *kernels::active().layer_norm;
  parallel_chunks(rows, grain, [&](int64_t chunk, int64_t begin, int64_t end, int) {
    const int64_t at = begin * width;
    kernel.backward(end - begin, width, dy.data() + at, x.data() + at, pointer(gamma),
                    statistics.mean.data() + begin, statistics.rstd.data() + begin,
                    sum.defined() ? sum.data() + at : nullptr, dx == nullptr ? nullptr : dx + at,
                    needs[1] ? dgamma + chunk * width : nullptr,
                    needs[2] ? dbeta + chunk * width : nullptr);
  });

  const auto add_chunks = [&](const float* from) {
    Tensor total = Tensor::zeros({width});
    float* to = total.mutable_data();
    for (int64_t chunk = 0; chunk < chunks; ++chunk, from += width) {
      for (int64_t i = 0; i < width; ++i) to[i] += from[i];
    }
    return total;
  };
  if (needs[1]) g.dgamma = add_chunks(dgamma);
  if (needs[2]) g.dbeta = add_chunks(dbeta);
  return g;
}

}  // namespace vitrine
