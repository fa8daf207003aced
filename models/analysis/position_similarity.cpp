#include "models/analysis/position_similarity.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/check.hpp"

namespace vitrine {

Tensor position_similarity(const Tensor& embedding) {
  check(embedding.defined() && embedding.rank() == 2, "position_similarity",
        "embedding must have shape (P, D)");
  const int64_t positions = embedding.dim(0);
  const int64_t width = embedding.dim(1);
  const float* x = embedding.data();
  const auto dot = [&](int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t d = 0; d < width; ++d) sum += double{x[i * width + d]} * double{x[j * width + d]};
    return sum;
  };

  std::vector<double> norm;
  norm.reserve(static_cast<size_t>(positions));
  for (int64_t i = 0; i < positions; ++i) norm.push_back(std::sqrt(dot(i, i)));
  Tensor similarity = Tensor::empty({positions, positions});
  float* to = similarity.mutable_data();
  for (int64_t i = 0; i < positions; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      const double size = norm[static_cast<size_t>(i)] * norm[static_cast<size_t>(j)];
      // Rounding may carry the cosine of equal directions past 1.
      const double cosine = size == 0 ? 0.0 : std::clamp(dot(i, j) / size, -1.0, 1.0);
      to[i * positions + j] = to[j * positions + i] = static_cast<float>(cosine);
    }
  }
  return similarity;
}

}  // namespace vitrine
