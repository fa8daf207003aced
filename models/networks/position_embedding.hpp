#pragma once

#include <string>

#include "core/tensor.hpp"
#include "models/networks/parameter.hpp"
#include "models/networks/position_resampling.hpp"
#include "models/networks/vit_config.hpp"

namespace vitrine {

/// What is added to the tokens to tell where they are: a vector per position, or a vector of half
/// the width for each row and each column of the grid. Without any tensor there is none.
struct PositionEmbedding {
  Parameter table;          ///< (1, positions, D)
  Parameter rows, columns;  ///< (1, grid_h, D/2), (1, grid_w, D/2)
  bool trained = true;      ///< false for sines and cosines

  bool defined() const { return table.defined() || rows.defined(); }

  /// (1, positions, D), differentiable in the parameters: of a patch in row y and column x, rows[y]
  /// and columns[x] side by side.
  Tensor embedding() const;

  /// tokens (B, N, D) + the embedding, which is for the last tokens of each sequence: those before
  /// them get nothing.
  Tensor add_to(const Tensor& tokens) const;

  /// For another grid; see resample_position_embedding.
  void resample(int64_t prefix, Size2d old_grid, Size2d new_grid, PositionResampling method);

  template <class F>
  void visit(const std::string& name, F&& f) {
    if (table.defined()) f(name, table, trained ? Role::kToken : Role::kBuffer);
    if (rows.defined()) f(name + ".rows", rows, Role::kToken);
    if (columns.defined()) f(name + ".columns", columns, Role::kToken);
  }
};

/// Fixed sine-cosine embedding of a grid: (1, grid_h * grid_w, width), width a multiple of 4.
///   kSinCosMoco   frequencies 10000^(-k / (width/4 - 1)); sin and cos of x, then of y
///                 (MoCo v3, big_vision's posemb_sincos_2d)
///   kSinCosMae    frequencies 10000^(-k / (width/4)); sin and cos of x, then of y (MAE)
Tensor sincos_position_embedding(Position kind, int64_t grid_h, int64_t grid_w, int64_t width);

/// The embedding (1, prefix + old_h * old_w, D) for another grid: prefix tokens are copied, the
/// grid is resampled along both axes.
Tensor resample_position_embedding(
    const Tensor& embedding, int64_t prefix, int64_t old_h, int64_t old_w, int64_t new_h,
    int64_t new_w, PositionResampling method = PositionResampling::kBicubicAntialias);

}  // namespace vitrine
