// With n = (x - mean) rstd, d the gradient that the ReLU lets through, and g = d gamma:
//
//   dgamma = sum of d n       dbeta = sum of d       (over rows and outer)
//   dx = rstd (g - mean(g) - n mean(g n))            (means over the group; without them if the
//                                                     moments are constants)
//
// The kernels see dx as a d + b (x - mean) + c, with a, b and c per outer index and channel.

#include "ops/channel_norm.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/ceil_div.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/reused.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/channel_norm.hpp"
#include "ops/reduction.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 14;
// Parts that the rows are cut into for sums: each costs a row of partial sums. The cuts follow from
// the sizes alone.
constexpr int64_t kMaxParts = 32;

double at(const Tensor& t, int64_t i) { return static_cast<double>(t.data()[i]); }

/// Calls f(outer, row, rows) for pieces of about a chunk.
template <class F>
void for_each_piece(const ChannelNormSizes& s, const F& f) {
  const int64_t rows = std::max<int64_t>(kChunkElements / std::max<int64_t>(s.channels, 1), 1);
  const int64_t pieces = ceil_div(s.rows, rows);
  parallel_for(s.outer * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i % pieces * rows;
      f(i / pieces, row, std::min(rows, s.rows - row));
    }
  });
}

/// Calls f(index of the group, channel, index among outer and channels) for all channels, in order.
template <class F>
void for_each_channel(const ChannelNormSizes& s, const F& f) {
  int64_t index = 0;
  for (int64_t outer = 0; outer < s.outer; ++outer) {
    for (int64_t c = 0, group = outer * s.groups; c < s.channels; ++group) {
      for (const int64_t end = c + s.group_channels(); c < end; ++c) f(group, c, index++);
    }
  }
}

/// One number per outer index and channel: (outer, channels) from f(index of the group, channel).
template <class F>
Tensor per_channel(const ChannelNormSizes& s, const F& f) {
  Tensor result = Tensor::empty({s.outer, s.channels});
  float* to = result.mutable_data();
  for_each_channel(
      s, [&](int64_t group, int64_t c, int64_t i) { to[i] = static_cast<float>(f(group, c)); });
  return result;
}

/// Sums of `terms` (outer, channels) over the channels of each group, in double.
ReusedVector<double> group_sums(const ChannelNormSizes& s, const Tensor& terms,
                                const Tensor& weight = {}) {
  ReusedVector<double> sums(static_cast<size_t>(s.outer * s.groups));
  for_each_channel(s, [&](int64_t group, int64_t c, int64_t i) {
    const double factor = weight.defined() ? at(weight, c) : 1.0;
    sums[static_cast<size_t>(group)] += factor * at(terms, i);
  });
  return sums;
}

Tensor from_doubles(const ReusedVector<double>& values, const Shape& shape) {
  Tensor t = Tensor::empty(shape);
  std::ranges::transform(values, t.mutable_data(), [](double v) { return static_cast<float>(v); });
  return t;
}

/// Sums over the rows of d and of d (x - mean), each (outer, channels).
struct GradientSums {
  Tensor d, product;
};

GradientSums gradient_sums(const Tensor& dy, const ChannelNormSaved& saved,
                           const ChannelNormSizes& s, const Tensor& mean) {
  const int64_t by_work = kChunkElements / std::max<int64_t>(s.channels, 1);
  const int64_t rows = std::max({by_work, ceil_div(s.rows, kMaxParts), int64_t{1}});
  const int64_t parts = ceil_div(s.rows, rows);
  Tensor partial = Tensor::empty({2, s.outer, parts, s.channels});
  float* sums = partial.mutable_data();
  float* products = sums + s.outer * parts * s.channels;
  const kernels::ChannelNorm& kernel = *kernels::active().channel_norm;
  parallel_for(s.outer * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t outer = i / parts;
      const int64_t row = i % parts * rows;
      const int64_t from = (outer * s.rows + row) * s.channels;
      kernel.sums(std::min(rows, s.rows - row), s.channels, dy.data() + from, saved.x.data() + from,
                  saved.y.defined() ? saved.y.data() + from : nullptr,
                  mean.data() + outer * s.channels, sums + i * s.channels,
                  products + i * s.channels);
    }
  });
  const auto add_parts = [&](const float* from) {
    return per_channel(s, [&, from](int64_t group, int64_t c) {
      const float* column = from + group / s.groups * parts * s.channels + c;
      double total = 0;
      for (int64_t p = 0; p < parts; ++p) total += static_cast<double>(column[p * s.channels]);
      return total;
    });
  };
  return {add_parts(sums), add_parts(products)};
}

/// Sums of (outer, channels) over outer: `factor` gives one for each group, or is undefined.
Tensor sum_over_outer(const ChannelNormSizes& s, const Tensor& terms, const Tensor& factor) {
  ReusedVector<double> total(static_cast<size_t>(s.channels));
  for_each_channel(s, [&](int64_t group, int64_t c, int64_t i) {
    const double f = factor.defined() ? at(factor, group) : 1.0;
    total[static_cast<size_t>(c)] += f * at(terms, i);
  });
  return from_doubles(total, {s.channels});
}

Tensor means_of(const ChannelNormSizes& s, const ChannelNormMoments& moments) {
  return per_channel(s, [&](int64_t g, int64_t) { return at(moments.mean, g); });
}

/// rstd gamma
Tensor scales_of(const ChannelNormSizes& s, const ChannelNormMoments& moments,
                 const Tensor& gamma) {
  return per_channel(s, [&](int64_t g, int64_t c) {
    return at(moments.rstd, g) * (gamma.defined() ? at(gamma, c) : 1.0);
  });
}

}  // namespace

GroupMoments group_moments(std::string_view op, const Tensor& x, const ChannelNormSizes& s) {
  const Reduction r(op, x.detach().reshape({s.outer, s.rows, s.channels}), {1});
  const double n = static_cast<double>(s.count());
  ReusedVector<double> mean = group_sums(s, reduce_sum(r));
  for (double& m : mean) m /= n;
  // The mean is rounded when it becomes a float. The deviations from it then do not sum to 0, and
  // what they sum to corrects mean and variance (Chan, Golub, LeVeque 1983, eq. 1.7).
  const Tensor rounded = from_doubles(mean, {s.outer, s.groups});
  const Tensor center = per_channel(s, [&](int64_t g, int64_t) { return at(rounded, g); });
  const Deviations d = reduce_deviations(r, center);
  const ReusedVector<double> sums = group_sums(s, d.sums);
  ReusedVector<double> var = group_sums(s, d.squares);
  for (size_t g = 0; g < var.size(); ++g) {
    var[g] = (var[g] - sums[g] * sums[g] / n) / n;
    mean[g] = at(rounded, static_cast<int64_t>(g)) + sums[g] / n;
  }
  return {from_doubles(mean, rounded.shape()), from_doubles(var, rounded.shape())};
}

Tensor reciprocal_deviation(const Tensor& var, float eps) {
  Tensor rstd = Tensor::empty(var.shape());
  std::ranges::transform(var.values(), rstd.mutable_data(), [eps](float v) {
    return static_cast<float>(1 / std::sqrt(static_cast<double>(v) + static_cast<double>(eps)));
  });
  return rstd;
}

void check_inputs(const char* op, const ChannelNormInputs& in) {
  const int64_t channels = in.x.dim(-1);
  if (in.gamma.defined()) check_shape(op, "gamma", in.gamma, {channels}, "x", in.x.shape());
  if (in.beta.defined()) check_shape(op, "beta", in.beta, {channels}, "x", in.x.shape());
  if (in.residual.defined())
    check_shape(op, "residual", in.residual, in.x.shape(), "x", in.x.shape());
}

Tensor channel_norm(const ChannelNormInputs& in, const ChannelNormSizes& s,
                    const ChannelNormMoments& moments) {
  const auto& [x, gamma, beta, residual, relu] = in;
  const Tensor mean = means_of(s, moments);
  const Tensor scale = scales_of(s, moments, gamma);
  const Tensor shift = beta.defined() ? beta : Tensor::zeros({s.channels});
  Tensor y = Tensor::empty(x.shape());
  const float* from_x = x.data();
  const float* from_residual = residual.defined() ? residual.data() : nullptr;
  float* to = y.mutable_data();
  const kernels::ChannelNorm& kernel = *kernels::active().channel_norm;
  for_each_piece(s, [&, add_relu = relu](int64_t outer, int64_t row, int64_t rows) {
    const int64_t from = (outer * s.rows + row) * s.channels;
    const int64_t of_outer = outer * s.channels;
    kernel.forward(rows, s.channels, from_x + from, mean.data() + of_outer, scale.data() + of_outer,
                   shift.data(), from_residual == nullptr ? nullptr : from_residual + from,
                   add_relu, to + from);
  });
  if (Tape* tape = Tape::recording({&x, &gamma, &beta, &residual})) {
    tape->record({&x, &gamma, &beta, &residual}, y,
                 [x = Saved(x), y = Saved(relu ? y : Tensor()), gamma = Saved(gamma),
                  mean = Saved(moments.mean), rstd = moments.rstd, own = moments.own, s,
                  adds = residual.defined()](const Tensor& dy, Needs needs) {
                   // The residual's gradient is what the ReLU lets through; without a residual the
                   // kernels see to that.
                   const bool mask = adds && y.get().defined();
                   const Tensor d = mask ? unary_backward(UnaryFunction::kRelu, dy, y) : dy;
                   const Tensor masked = mask ? Tensor() : y.get();
                   const auto g =
                       channel_norm_backward(d, {x, masked, gamma}, s, {mean, rstd, own}, needs);
                   return std::vector{g.dx, g.dgamma, g.dbeta, d};
                 });
  }
  return y;
}

ChannelNormGradients channel_norm_backward(const Tensor& dy, const ChannelNormSaved& saved,
                                           const ChannelNormSizes& s,
                                           const ChannelNormMoments& moments, Needs needs) {
  const Tensor& x = saved.x;
  if (x.numel() == 0) {  // whose moments are not numbers
    return {Tensor::zeros(x.shape()), Tensor::zeros({s.channels}), Tensor::zeros({s.channels})};
  }
  const Tensor& rstd = moments.rstd;
  const Tensor mean = means_of(s, moments);
  const GradientSums sums = gradient_sums(dy, saved, s, mean);
  ChannelNormGradients result;
  if (needs[1]) result.dgamma = sum_over_outer(s, sums.product, rstd);
  if (needs[2]) result.dbeta = sum_over_outer(s, sums.d, Tensor());
  if (!needs[0]) return result;

  const ReusedVector<double> sum_g = group_sums(s, sums.d, saved.gamma);
  const ReusedVector<double> sum_product = group_sums(s, sums.product, saved.gamma);
  const double n = moments.own ? static_cast<double>(s.count()) : HUGE_VAL;
  const Tensor a = scales_of(s, moments, saved.gamma);
  const Tensor b = per_channel(s, [&](int64_t g, int64_t) {
    return -std::pow(at(rstd, g), 3) * sum_product[static_cast<size_t>(g)] / n;
  });
  const Tensor c = per_channel(
      s, [&](int64_t g, int64_t) { return -at(rstd, g) * sum_g[static_cast<size_t>(g)] / n; });
  result.dx = Tensor::empty(x.shape());
  float* to = result.dx.mutable_data();
  const float* y = saved.y.defined() ? saved.y.data() : nullptr;
  const kernels::ChannelNorm& kernel = *kernels::active().channel_norm;
  for_each_piece(s, [&](int64_t outer, int64_t row, int64_t rows) {
    const int64_t from = (outer * s.rows + row) * s.channels;
    const int64_t i = outer * s.channels;
    kernel.backward(rows, s.channels, dy.data() + from, x.data() + from,
                    y == nullptr ? nullptr : y + from, mean.data() + i, a.data() + i, b.data() + i,
                    c.data() + i, to + from);
  });
  return result;
}

}  // namespace vitrine
