#pragma once

#include "ops/conv2d_sizes.hpp"
#include "ops/kernels/gemm.hpp"

// Convolution in many narrow groups, each with as many outputs as channels (ResNeXt). A product per
// group would have columns for part of a vector only, and gather rows of a few floats. Here
// neighbouring groups are joined into one whose kernel is 0 between them, until its outputs fill a
// vector; and nothing is gathered: the channels of a joined group are copied once, with the
// padding, and a row of the left operand is then a run of memory for every line of the kernel.
// (0 times a number that is not finite is NaN, so that such a number also spreads to the groups
// that are joined with its own.)

namespace vitrine::detail {

/// How many neighbouring groups of a weight (O, C / groups, kh, kw) are one: at least 1, and a
/// function of the sizes and the active ISA.
int64_t joined_groups(const Tensor& weight, int64_t groups);

/// (O, C / groups, kh, kw) -> the same convolution with so many groups joined, (O, joined C /
/// groups, kh, kw), and back again, where what is between groups is dropped.
Tensor join_groups(const Tensor& weight, int64_t groups, int64_t joined);
Tensor take_groups(const Tensor& weight, int64_t groups, int64_t joined);

/// Whether convolve_groups is there for this convolution of so many groups.
bool in_groups(const Tensor& weight, int64_t groups, Size2d dilation);

/// y = epilogue(convolution), for in_groups(); `epilogue` begins at y's first element.
void convolve_groups(const ConvSizes& s, const Conv2dOptions& options, const float* x,
                     const Tensor& weight, float* y, const GemmEpilogue& epilogue);

/// pack_conv2d_weight for in_groups().
void pack_groups(const Tensor& weight, int64_t groups);

/// The kernel of the gradient of x for a stride of 1: turned around, channels and outputs swapped.
Tensor turned_groups(const Tensor& weight, int64_t groups);

}  // namespace vitrine::detail
