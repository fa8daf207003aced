#include "models/networks/position_embedding.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/check.hpp"
#include "models/networks/resampling_matrix.hpp"
#include "ops/binary.hpp"
#include "ops/concat.hpp"
#include "ops/expand.hpp"

namespace vitrine {
namespace {

/// to += weight * from; most weights are 0.
template <class T>
void add_scaled(std::vector<double>& to, double weight, const T* from) {
  if (weight == 0) return;
  for (double& sum : to) sum += weight * static_cast<double>(*from++);
}

/// One parameter of an embedding, if it is there; a frozen one stays frozen.
void resample_parameter(Parameter& p, int64_t prefix, Size2d from, Size2d to,
                        PositionResampling method) {
  if (!p.defined()) return;
  Tensor resampled =
      resample_position_embedding(p.value, prefix, from.h, from.w, to.h, to.w, method);
  if (p.value.storage().frozen()) resampled.freeze();
  p.value = resampled;
}

}  // namespace

Tensor PositionEmbedding::embedding() const {
  if (table.defined()) return table.value;
  const int64_t h = rows.value.dim(1);
  const int64_t w = columns.value.dim(1);
  const int64_t half = rows.value.dim(2);
  const Tensor by_row = expand(rows.value.reshape({1, h, 1, half}), {1, h, w, half});
  const Tensor by_column = expand(columns.value.reshape({1, 1, w, half}), {1, h, w, half});
  return concat({by_row, by_column}, 3).reshape({1, h * w, 2 * half});
}

Tensor PositionEmbedding::add_to(const Tensor& tokens) const {
  Tensor added = embedding();
  const int64_t before = tokens.dim(1) - added.dim(1);
  if (before > 0) added = concat({Tensor::zeros({1, before, added.dim(2)}), added}, 1);
  return add(tokens, added);
}

void PositionEmbedding::resample(int64_t prefix, Size2d old_grid, Size2d new_grid,
                                 PositionResampling method) {
  resample_parameter(table, prefix, old_grid, new_grid, method);
  resample_parameter(rows, 0, {old_grid.h, 1}, {new_grid.h, 1}, method);
  resample_parameter(columns, 0, {1, old_grid.w}, {1, new_grid.w}, method);
}

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

  // One row of the result at a time, so that little is held beside it: all rows (old_h, old_w D)
  // -> (old_w, D), then its columns.
  std::vector<double> row(static_cast<size_t>(old_w * width));
  std::vector<double> sum(static_cast<size_t>(width));
  for (int64_t y = 0; y < new_h; ++y) {
    std::ranges::fill(row, 0.0);
    for (int64_t j = 0; j < old_h; ++j) {
      add_scaled(row, rows[static_cast<size_t>(y * old_h + j)], from + j * old_w * width);
    }
    for (int64_t x = 0; x < new_w; ++x, to += width) {
      std::ranges::fill(sum, 0.0);
      for (int64_t j = 0; j < old_w; ++j) {
        add_scaled(sum, columns[static_cast<size_t>(x * old_w + j)], row.data() + j * width);
      }
      std::ranges::transform(sum, to, [](double v) { return static_cast<float>(v); });
    }
  }
  return result;
}

}  // namespace vitrine
