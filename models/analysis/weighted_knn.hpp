#pragma once

#include "models/analysis/features.hpp"
#include "models/data/label_rank.hpp"

namespace vitrine {

struct KnnOptions {
  int64_t k = 20;
  double temperature = 0.07;
};

/// Accuracy on `test` of the weighted nearest neighbours in `train`: the k training pictures with
/// the largest cosine similarity s vote for their class with weight e^(s / temperature).
///   classes  number of classes
/// Of equal neighbours and of equal classes the first counts; a class that nobody votes for is
/// never among the best. No k or more training pictures: all vote. Throws ShapeError, and
/// UsageError for features that are not finite and impossible options. Source: Wu et al. 2018,
/// arXiv 1805.01978, section 3.4; as DINO's eval_knn.py (Caron et al. 2021, arXiv 2104.14294).
Accuracy weighted_knn(const FeatureRows& train, const FeatureRows& test, int64_t classes,
                      const KnnOptions& options = {});

}  // namespace vitrine
