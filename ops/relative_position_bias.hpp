#pragma once

#include "core/tensor.hpp"
#include "ops/window.hpp"

namespace vitrine {

/// What BEiT adds to the scores of attention: a learned number per head for the offset between two
/// patches, and one each for class token to patch, patch to class token, and class token to itself.
///   table   ((2 h - 1)(2 w - 1) + 3, H): offsets row by row, then those three
///   window  h x w patches
///   returns (H, N, N), N = 1 + h w, query by key; differentiable in table
/// Throws ShapeError. Source: Bao et al. 2021, arXiv 2106.08254, section 2.4; the order of the rows
/// is that of Microsoft's code and timm's (gen_relative_position_index).
Tensor relative_position_bias(const Tensor& table, Size2d window);

/// Rows of the table for such a window.
int64_t relative_position_rows(Size2d window);

/// How a table becomes one for another window.
enum class RelativeResampling {
  /// timm: offsets lie at 0, 1, 1 + q, 1 + q + q^2..., q such that the old ones reach as far as the
  /// new ones, and what is between is linear. Square windows only.
  kGeometric,
  kBilinear,  ///< transformers: F.interpolate, align_corners False
};

/// The table for another window; its last three rows stay. Throws ShapeError, UsageError for an old
/// window that is not square where it must be. Not differentiable.
/// Source: timm 1.0.29, layers/pos_embed_rel.py, resize_rel_pos_bias_table.
Tensor resample_relative_table(const Tensor& table, Size2d old_window, Size2d new_window,
                               RelativeResampling method);

}  // namespace vitrine
