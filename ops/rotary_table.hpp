#pragma once

#include <array>
#include <optional>

#include "core/tensor.hpp"
#include "ops/kernels/rotary_embedding.hpp"
#include "ops/window.hpp"

namespace vitrine {

/// How rotary angles follow from the place of a patch.
enum class RotaryRule {
  /// Band k of hd / 4 turns by t T^(-4k / hd), t being the index plus an offset, stretched to a
  /// reference grid if there is one: EVA-02, and timm's rotary ViTs.
  kAxial,
  /// By 2 pi t T^(-4k / hd), where t = 2 (i + 1/2) / n - 1: DINOv3.
  kDinov3,
  /// Every pair of every head has a learned frequency for the column and one for the row.
  kMixed,
};

/// Which axis of the grid the first half of the pairs turns with.
enum class RotaryAxes { kRowFirst, kColumnFirst };

struct RotaryTableOptions {
  RotaryRule rule = RotaryRule::kAxial;
  RotaryLayout layout = RotaryLayout::kInterleaved;
  RotaryAxes axes = RotaryAxes::kRowFirst;
  double temperature = 10000;            ///< T
  double offset = 0;                     ///< of kAxial
  std::optional<Size2d> reference = {};  ///< the grid that kAxial's indices are stretched to
  /// Of kDinov3's coordinates in [-1, 1], (row, column): (t + shift) scale.
  std::array<double, 2> shift = {0, 0}, scale = {1, 1};

  bool operator==(const RotaryTableOptions&) const = default;
};

/// The table of rotary_embedding for a grid of patches: (2, h w, hd), cosines, then sines, of
/// float64 angles. Not for kMixed.
///   head_dim  hd, a multiple of 4
/// Throws UsageError. Source: timm 1.0.29, layers/pos_embed_sincos.py; transformers 5.24, DINOv3.
Tensor rotary_table(const RotaryTableOptions& options, Size2d grid, int64_t head_dim);

/// The table of kMixed: pair j of head h turns by column f(0, h, j) + row f(1, h, j).
///   frequencies (2, H, hd / 2)
///   returns     (2, H, h w, hd); differentiable in the frequencies
/// Throws ShapeError. Source: Heo et al. 2024, arXiv 2403.13298, eq. 14.
Tensor mixed_rotary_table(const Tensor& frequencies, RotaryLayout layout, Size2d grid);

}  // namespace vitrine
