#pragma once

#include "ops/conv2d_sizes.hpp"
#include "ops/kernels/gemm.hpp"

// Convolution in many groups, each with as many outputs as channels (ResNeXt; depthwise where that
// is 1). Nothing is gathered: the channels of a group are copied once, with the padding, and a row
// of the left operand is then a run of memory for every line of the kernel.
//
// A product of a group that is narrower than a vector would leave lanes idle. So as many groups as
// fill one are multiplied together, and every lane has the left operand of its own group
// (kernels::GemmA::kGroups).

namespace vitrine::detail {

/// Of a weight (O, C / groups, kh, kw): how many neighbouring groups the gradients take as one
/// whose kernel is 0 between them, until its outputs fill a vector. At least 1, and a function of
/// the sizes and the active ISA.
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

/// Outputs whose kernels convolve_groups has packed as one matrix: of one group, or of those that
/// share a vector; never of all groups, so that packed_precision tells a weight in groups, which
/// stays in f32. A function of the sizes and the active ISA.
int64_t block_of_groups(const Tensor& weight);

/// The kernel of the gradient of x for a stride of 1: turned around, channels and outputs swapped.
Tensor turned_groups(const Tensor& weight, int64_t groups);

}  // namespace vitrine::detail
