#include "models/analysis/linear_probe.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/check.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"
#include "models/data/stratified_split.hpp"
#include "ops/cholesky.hpp"
#include "ops/linear.hpp"

namespace vitrine {
namespace {

constexpr double kValidationFraction = 0.2;
// The stream of random numbers that this split draws from; models/data/dataset has 0 and 1.
constexpr uint64_t kProbeStream = 2;
constexpr std::array kRidges = {10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6};

constexpr int64_t kRows = 256;   // standardised at a time
constexpr int64_t kColumns = 8;  // sums of the Gram matrix that stay in registers

size_t at(int64_t i) { return static_cast<size_t>(i); }

/// Mean and standard deviation of each column, in two passes.
void standardize(const Tensor& x, std::vector<double>& mean, std::vector<double>& deviation) {
  const int64_t n = x.dim(0);
  const int64_t width = x.dim(1);
  mean.assign(at(width), 0);
  deviation.assign(at(width), 0);
  parallel_for(width, 64, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < n; ++row) {
      for (int64_t i = begin; i < end; ++i) mean[at(i)] += double{x.data()[row * width + i]};
    }
    for (int64_t i = begin; i < end; ++i) mean[at(i)] /= static_cast<double>(n);
    for (int64_t row = 0; row < n; ++row) {
      for (int64_t i = begin; i < end; ++i) {
        const double d = double{x.data()[row * width + i]} - mean[at(i)];
        deviation[at(i)] += d * d;
      }
    }
    for (int64_t i = begin; i < end; ++i) {
      deviation[at(i)] = std::sqrt(deviation[at(i)] / static_cast<double>(n));
      // What never changes says nothing: it becomes 0.
      if (!(deviation[at(i)] > 0)) deviation[at(i)] = std::numeric_limits<double>::infinity();
    }
  });
}

/// The sums that the normal equations are made of, over some rows z of standardised features.
struct NormalSums {
  int64_t width, classes;
  double rows = 0;
  std::vector<double> gram;    // (D, D): sum of z z^T; the lower triangle
  std::vector<double> cross;   // (D, C): sum of z y^T
  std::vector<double> sum;     // (D): sum of z
  std::vector<double> counts;  // (C): sum of y

  NormalSums(int64_t width_, int64_t classes_)
      : width(width_),
        classes(classes_),
        gram(at(width * width)),
        cross(at(width * classes)),
        sum(at(width)),
        counts(at(classes)) {}

  void add(const LinearProbe& probe, const FeatureRows& from, std::span<const int64_t> picked);

 private:
  void add_block(std::span<const double> z, std::span<const int32_t> labels);
};

/// z (rows, D) and the labels of these rows.
void NormalSums::add_block(std::span<const double> z, std::span<const int32_t> labels) {
  const auto n = static_cast<int64_t>(labels.size());
  parallel_for(width, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t r = 0; r < n; ++r) {
        const double value = z[at(r * width + i)];
        sum[at(i)] += value;
        cross[at(i * classes + labels[at(r)])] += value;
      }
      for (int64_t j = 0; j <= i; j += kColumns) {
        const int64_t columns = std::min(kColumns, i + 1 - j);
        double partial[kColumns] = {};
        if (j + kColumns <= width) {  // beyond the diagonal there is room, and nobody reads it
          for (int64_t r = 0; r < n; ++r) {
            const double value = z[at(r * width + i)];
            const double* row = &z[at(r * width + j)];
            for (int64_t c = 0; c < kColumns; ++c) partial[c] += value * row[c];
          }
        } else {
          for (int64_t r = 0; r < n; ++r) {
            for (int64_t c = 0; c < columns; ++c) {
              partial[c] += z[at(r * width + i)] * z[at(r * width + j + c)];
            }
          }
        }
        for (int64_t c = 0; c < columns; ++c) gram[at(i * width + j + c)] += partial[c];
      }
    }
  });
}

void NormalSums::add(const LinearProbe& probe, const FeatureRows& from,
                     std::span<const int64_t> picked) {
  std::vector<double> z(at(kRows * width));
  std::vector<int32_t> labels;
  const auto n = static_cast<int64_t>(picked.size());
  for (int64_t first = 0; first < n; first += kRows) {
    throw_if_interrupted();
    labels.clear();
    for (int64_t r = first; r < std::min(n, first + kRows); ++r) {
      const int64_t row = picked[at(r)];
      labels.push_back(from.labels[at(row)]);
      for (int64_t i = 0; i < width; ++i) {
        z[at((r - first) * width + i)] =
            (double{from.values.data()[row * width + i]} - probe.mean[at(i)]) /
            probe.deviation[at(i)];
      }
    }
    for (const int32_t label : labels) counts[at(label)] += 1;
    add_block(std::span(z).first(labels.size() * at(width)), labels);
  }
  rows += static_cast<double>(n);
}

/// Weight and bias of the sums. With m = mean of z and p = mean of y, what is centred has
///   (G/n - m m^T + ridge I) W^T = X/n - m p^T,   b = p - W m
void solve(const NormalSums& s, double ridge, LinearProbe& probe) {
  const int64_t d = s.width;
  const int64_t c = s.classes;
  std::vector<double> a(at(d * d));
  std::vector<double> b(at(d * c));
  for (int64_t i = 0; i < d; ++i) {
    const double mean = s.sum[at(i)] / s.rows;
    for (int64_t j = 0; j <= i; ++j) {
      a[at(i * d + j)] = s.gram[at(i * d + j)] / s.rows - mean * (s.sum[at(j)] / s.rows);
    }
    a[at(i * d + i)] += ridge;
    for (int64_t k = 0; k < c; ++k) {
      b[at(i * c + k)] = s.cross[at(i * c + k)] / s.rows - mean * (s.counts[at(k)] / s.rows);
    }
  }
  // Positive definite by the ridge, unless rounding is larger than it.
  if (!cholesky(a, d)) throw UsageError("the features are too alike for so small a regulariser");
  cholesky_solve(a, d, b, c);
  probe.ridge = ridge;
  probe.weight = Tensor::empty({c, d});
  probe.bias = Tensor::empty({c});
  float* weight = probe.weight.mutable_data();
  float* bias = probe.bias.mutable_data();
  for (int64_t k = 0; k < c; ++k) {
    double offset = s.counts[at(k)] / s.rows;
    for (int64_t i = 0; i < d; ++i) {
      weight[k * d + i] = static_cast<float>(b[at(i * c + k)]);
      offset -= b[at(i * c + k)] * (s.sum[at(i)] / s.rows);
    }
    bias[k] = static_cast<float>(offset);
  }
}

/// A probe that can standardise and no more.
LinearProbe standardized(const FeatureRows& train, int64_t classes) {
  check_rank_at_least("linear_probe", "the features", train.values, 2);
  check(classes >= 1 && static_cast<int64_t>(train.labels.size()) == train.values.dim(0),
        "linear_probe", "every row must have a label");
  if (train.labels.empty()) throw UsageError("a linear probe needs training pictures");
  check_finite(train.values);
  LinearProbe probe;
  standardize(train.values, probe.mean, probe.deviation);
  return probe;
}

std::vector<int64_t> all_of(const FeatureRows& rows) {
  std::vector<int64_t> picked(rows.labels.size());
  std::iota(picked.begin(), picked.end(), int64_t{0});
  return picked;
}

struct Fit {
  Accuracy accuracy;
  double squared_error = 0;  // of the scores, summed

  bool better_than(const Fit& other) const {
    return accuracy.top1 != other.accuracy.top1 ? accuracy.top1 > other.accuracy.top1
                                                : squared_error < other.squared_error;
  }
};

Fit evaluate_rows(const LinearProbe& probe, const FeatureRows& rows,
                  std::span<const int64_t> picked) {
  const int64_t width = rows.values.dim(1);
  const int64_t classes = probe.weight.dim(0);
  Fit fit;
  const auto n = static_cast<int64_t>(picked.size());
  for (int64_t first = 0; first < n; first += kRows) {
    const int64_t count = std::min(kRows, n - first);
    Tensor x = Tensor::empty({count, width});
    for (int64_t r = 0; r < count; ++r) {
      std::copy_n(rows.values.data() + picked[at(first + r)] * width, width,
                  x.mutable_data() + r * width);
    }
    const Tensor scores = probe(x);
    for (int64_t r = 0; r < count; ++r) {
      const int32_t label = rows.labels[at(picked[at(first + r)])];
      const float* row = scores.data() + r * classes;
      fit.accuracy.add(label_rank(row, classes, label));
      for (int64_t c = 0; c < classes; ++c) {
        const double error = double{row[c]} - (c == label ? 1 : 0);
        fit.squared_error += error * error;
      }
    }
  }
  return fit;
}

}  // namespace

Tensor LinearProbe::operator()(const Tensor& features) const {
  const auto width = static_cast<int64_t>(mean.size());
  check_shape("linear_probe", "features", features, {features.dim(0), width});
  Tensor z = Tensor::empty(features.shape());
  float* to = z.mutable_data();
  for (int64_t row = 0; row < z.dim(0); ++row) {
    for (int64_t i = 0; i < width; ++i) {
      const double x = double{features.data()[row * width + i]};
      to[row * width + i] = static_cast<float>((x - mean[at(i)]) / deviation[at(i)]);
    }
  }
  return linear(z, weight, bias);
}

LinearProbe fit_linear_probe(const FeatureRows& train, int64_t classes, double ridge) {
  LinearProbe probe = standardized(train, classes);
  NormalSums sums(train.values.dim(1), classes);
  sums.add(probe, train, all_of(train));
  solve(sums, ridge, probe);
  return probe;
}

LinearProbe choose_linear_probe(const FeatureRows& train, int64_t classes, uint64_t seed) {
  LinearProbe probe = standardized(train, classes);
  const TwoParts parts = stratified_split(train.labels, kValidationFraction,
                                          Random(seed, RandomPlace::kSplit, kProbeStream));
  if (parts.chosen.empty() || parts.rest.empty()) {
    throw UsageError("a linear probe needs at least 5 training pictures");
  }
  NormalSums sums(train.values.dim(1), classes);
  sums.add(probe, train, parts.rest);
  double chosen = kRidges.front();
  Fit best;
  for (const double ridge : kRidges) {
    solve(sums, ridge, probe);
    const Fit fit = evaluate_rows(probe, train, parts.chosen);
    if (ridge != kRidges.front() && !fit.better_than(best)) continue;
    best = fit;
    chosen = ridge;
  }
  sums.add(probe, train, parts.chosen);
  solve(sums, chosen, probe);
  return probe;
}

Accuracy evaluate(const LinearProbe& probe, const FeatureRows& rows) {
  return evaluate_rows(probe, rows, all_of(rows)).accuracy;
}

}  // namespace vitrine
