#pragma once

#include <cstdint>
#include <vector>

#include "models/analysis/features.hpp"
#include "models/data/label_rank.hpp"

namespace vitrine {

/// A linear classifier of features: scores = ((x - mean) / deviation) weight^T + bias.
struct LinearProbe {
  std::vector<double> mean, deviation;  ///< (D); a constant feature has deviation infinity
  Tensor weight;                        ///< (C, D)
  Tensor bias;                          ///< (C)
  double ridge = 0;                     ///< the regulariser

  /// (n, D) -> (n, C)
  Tensor operator()(const Tensor& features) const;
};

/// Ridge regression of standardised features on one-hot targets, in closed form:
///   weight, bias = argmin 1/n sum_i |W z_i + b - y_i|^2 + ridge |W|^2
/// The bias is not regularised. The normal equations are summed and solved in double (Cholesky).
/// `ridge` > 0 is relative to features of variance 1.
/// Throws ShapeError, and UsageError for features that are not finite or if there are none.
LinearProbe fit_linear_probe(const FeatureRows& train, int64_t classes, double ridge);

/// fit_linear_probe to all of `train`, with the regulariser, a power of ten from 1e-6 to 10, that
/// is best on a fifth of it when fitted to the rest (evenly over the classes, a function of the
/// seed; of equals, the one with the smaller squared error). Needs 5 pictures, else UsageError.
LinearProbe choose_linear_probe(const FeatureRows& train, int64_t classes, uint64_t seed);

/// How often the probe is right.
Accuracy evaluate(const LinearProbe& probe, const FeatureRows& rows);

}  // namespace vitrine
