#pragma once

#include "core/isa.hpp"

namespace vitrine::kernels {

struct Attention;
struct Binary;
struct BinaryCrossEntropyWithLogits;
struct ChannelNorm;
struct Gated;
struct Gemm;
struct GemmInt8;
struct LayerNorm;
struct AdamW;
struct ClipGradNorm;
struct CrossEntropy;
struct Dropout;
struct Ema;
struct Sgd;
struct Softmax;
struct Normalize;
struct Reduce;
struct Resize;
struct Peak;
struct Pool2d;
struct RotaryEmbedding;
struct Unary;

/// One table of kernels per ISA, chosen once (see active). A refinement's is that of the ISA which
/// it refines; what it has of its own are NarrowKernels. `make new-op` adds an operation here, in
/// ops/simd/all.cpp and in ops/reference/all.cpp.
struct Kernels {
  Isa isa;
  const Attention* attention;
  const Binary* binary;
  const BinaryCrossEntropyWithLogits* binary_cross_entropy_with_logits;
  const ChannelNorm* channel_norm;
  const Gated* gated;
  const Gemm* gemm;
  const LayerNorm* layer_norm;
  const AdamW* adamw;
  const ClipGradNorm* clip_grad_norm;
  const CrossEntropy* cross_entropy;
  const Dropout* dropout;
  const Ema* ema;
  const Sgd* sgd;
  const Softmax* softmax;
  const Normalize* normalize_u8;
  const Reduce* reduce;
  const Resize* resize;
  const Peak* peak;
  const Pool2d* pool2d;
  const RotaryEmbedding* rotary_embedding;
  const Unary* unary;
};

/// The table of active_isa().
const Kernels& active();
/// The table of one ISA; it must be built in for this processor family, not necessarily supported
/// here.
const Kernels& of(Isa isa);
/// Products of int8 and of bf16.
struct NarrowKernels {
  const GemmInt8* gemm_int8;
  /// Of operands whose 32-bit words hold two numbers of bf16 each, the next two of k. Null where
  /// the ISA has no such products: a weight in bf16 is widened then.
  const Gemm* gemm_bf16 = nullptr;
  const Peak* peak_bf16 = nullptr;  ///< of gemm_bf16's products, or null
};

/// Those of one ISA; where AMX's tiles are refused, of the ISA below it. The first call for AMX
/// asks for them, which is why this is no part of Kernels.
NarrowKernels narrow_of(Isa isa);

}  // namespace vitrine::kernels
