#pragma once

#include <cstdint>
#include <span>

#include "core/tensor.hpp"
#include "ops/gemm/int8_matrix.hpp"
#include "ops/kernels/precision.hpp"

namespace vitrine {

// Weights of linear layers (N, K) and of convolutions with one group (O, C, kh, kw) in other
// precisions. The operations that read them do not change: linear, mlp, conv2d and patch_embed
// multiply with what is kept. To be called before other threads know the weight.

/// Keeps a frozen weight in `precision` for the active ISA, and nothing else of it. Throws
/// ShapeError unless it has two or four axes, or rows too long for exact sums; UsageError unless it
/// is frozen.
void quantize_weight(const Tensor& weight, Precision precision);

/// Keeps integers as the values of a frozen weight, whose own values are not read: one row, and one
/// scale, per output, in the weight's order. Throws as quantize_weight, and ShapeError if their
/// number is another one.
void keep_int8_weight(const Tensor& weight, std::span<const int8_t> values,
                      std::span<const float> scales);

/// The integers of a weight, in its order: those that are kept, or what quantize_weight would keep
/// of it.
Int8Rows int8_rows(const Tensor& weight);

}  // namespace vitrine
