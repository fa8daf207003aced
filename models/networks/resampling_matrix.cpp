#include "models/networks/resampling_matrix.hpp"

#include <algorithm>
#include <cmath>

namespace vitrine {
namespace {

/// Keys 1981, with his a: -0.5 is right to third order, -0.75 what PyTorch takes unless it
/// antialiases.
double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/// The (to, from) matrix that resamples one axis and is widened when shrinking.
std::vector<double> antialiased_matrix(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double stretch = std::max(scale, 1.0);
  std::vector<double> matrix(static_cast<size_t>(to * from), 0.0);
  for (int64_t i = 0; i < to; ++i) {
    const double centre = scale * (static_cast<double>(i) + 0.5);
    const auto begin =
        std::max<int64_t>(0, static_cast<int64_t>(std::floor(centre - 2 * stretch + 0.5)));
    const auto end = std::min(from, static_cast<int64_t>(std::floor(centre + 2 * stretch + 0.5)));
    double* row = matrix.data() + i * from;
    double sum = 0;
    for (int64_t j = begin; j < end; ++j) {
      row[j] = cubic((static_cast<double>(j) - centre + 0.5) / stretch, -0.5);
      sum += row[j];
    }
    for (int64_t j = begin; j < end; ++j) row[j] /= sum;
  }
  return matrix;
}

/// The (to, from) matrix that looks at the nearest two or four entries; those beyond the border are
/// the one at the border.
std::vector<double> interpolating_matrix(int64_t from, int64_t to, PositionResampling method) {
  const bool corners = method == PositionResampling::kBicubicCorners ||
                       method == PositionResampling::kBilinearCorners;
  const auto intervals = [corners](int64_t n) { return static_cast<double>(corners ? n - 1 : n); };
  const double scale = corners && to == 1 ? 0 : intervals(from) / intervals(to);
  const double shift = corners ? 0 : 0.5;
  const bool four =
      method == PositionResampling::kBicubic || method == PositionResampling::kBicubicCorners;
  std::vector<double> matrix(static_cast<size_t>(to * from), 0.0);
  for (int64_t i = 0; i < to; ++i) {
    const double place = scale * (static_cast<double>(i) + shift) - shift;
    const auto left = static_cast<int64_t>(std::floor(place));
    for (int64_t j = left - (four ? 1 : 0); j <= left + (four ? 2 : 1); ++j) {
      const double distance = static_cast<double>(j) - place;
      const double weight = four ? cubic(distance, -0.75) : 1 - std::abs(distance);
      matrix[static_cast<size_t>(i * from + std::clamp<int64_t>(j, 0, from - 1))] += weight;
    }
  }
  return matrix;
}

}  // namespace

std::vector<double> resampling_matrix(int64_t from, int64_t to, PositionResampling method) {
  return method == PositionResampling::kBicubicAntialias ? antialiased_matrix(from, to)
                                                         : interpolating_matrix(from, to, method);
}

}  // namespace vitrine
