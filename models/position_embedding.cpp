#include "models/position_embedding.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/check.hpp"

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
  const bool corners = method == PositionResampling::kBilinearCorners;
  const auto intervals = [corners](int64_t n) { return static_cast<double>(corners ? n - 1 : n); };
  const double scale = corners && to == 1 ? 0 : intervals(from) / intervals(to);
  const double shift = corners ? 0 : 0.5;
  const bool four = method == PositionResampling::kBicubic;
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

std::vector<double> resampling_matrix(int64_t from, int64_t to, PositionResampling method) {
  return method == PositionResampling::kBicubicAntialias ? antialiased_matrix(from, to)
                                                         : interpolating_matrix(from, to, method);
}

}  // namespace

Tensor sincos_position_embedding(Position kind, int64_t grid_h, int64_t grid_w, int64_t width) {
  const int64_t quarter = width / 4;
  const double steps = static_cast<double>(
      kind == Position::kSinCosMoco ? std::max<int64_t>(quarter - 1, 1) : quarter);
  Tensor t = Tensor::empty({1, grid_h * grid_w, width});
  float* to = t.mutable_data();
  for (int64_t y = 0; y < grid_h; ++y) {
    for (int64_t x = 0; x < grid_w; ++x, to += width) {
      for (int64_t k = 0; k < quarter; ++k) {
        const double frequency = std::pow(10000.0, -static_cast<double>(k) / steps);
        const double along_x = static_cast<double>(x) * frequency;
        const double along_y = static_cast<double>(y) * frequency;
        to[k] = static_cast<float>(std::sin(along_x));
        to[quarter + k] = static_cast<float>(std::cos(along_x));
        to[2 * quarter + k] = static_cast<float>(std::sin(along_y));
        to[3 * quarter + k] = static_cast<float>(std::cos(along_y));
      }
    }
  }
  return t;
}

Tensor resample_position_embedding(const Tensor& embedding, int64_t prefix, int64_t old_h,
                                   int64_t old_w, int64_t new_h, int64_t new_w,
                                   PositionResampling method) {
  const int64_t width = embedding.dim(-1);
  check_shape("resample_position_embedding", "embedding", embedding,
              {1, prefix + old_h * old_w, width});
  Tensor result = Tensor::empty({1, prefix + new_h * new_w, width});
  float* to = result.mutable_data();
  std::copy_n(embedding.data(), prefix * width, to);
  if (old_h == new_h && old_w == new_w) {
    std::ranges::copy(embedding.values(), to);
    return result;
  }
  const std::vector<double> rows = resampling_matrix(old_h, new_h, method);
  const std::vector<double> columns = resampling_matrix(old_w, new_w, method);
  const float* from = embedding.data() + prefix * width;
  to += prefix * width;

  // Columns first: (old_h, old_w, D) -> (old_h, new_w, D), then rows.
  std::vector<double> between(static_cast<size_t>(old_h * new_w * width), 0.0);
  for (int64_t y = 0; y < old_h; ++y) {
    for (int64_t x = 0; x < new_w; ++x) {
      for (int64_t j = 0; j < old_w; ++j) {
        const double weight = columns[static_cast<size_t>(x * old_w + j)];
        const float* source = from + (y * old_w + j) * width;
        double* sum = between.data() + (y * new_w + x) * width;
        for (int64_t d = 0; d < width; ++d) sum[d] += weight * static_cast<double>(source[d]);
      }
    }
  }
  for (int64_t y = 0; y < new_h; ++y) {
    for (int64_t x = 0; x < new_w; ++x) {
      for (int64_t d = 0; d < width; ++d) {
        double sum = 0;
        for (int64_t j = 0; j < old_h; ++j) {
          sum += rows[static_cast<size_t>(y * old_h + j)] *
                 between[static_cast<size_t>((j * new_w + x) * width + d)];
        }
        to[(y * new_w + x) * width + d] = static_cast<float>(sum);
      }
    }
  }
  return result;
}

}  // namespace vitrine
