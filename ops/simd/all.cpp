// The table of kernels of the ISA that this file is compiled for.

#include "ops/kernels/all.hpp"

#include "ops/simd/simd.hpp"

#define VT_TEXT_OF(word) #word
#define VT_TEXT(word) VT_TEXT_OF(word)

namespace vitrine::kernels::VT_ISA {
namespace {

constexpr bool is(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}

constexpr Isa this_isa() {
  constexpr const char* kName = VT_TEXT(VT_ISA);
  if (is(kName, "sse42")) return Isa::kSse42;
  if (is(kName, "avx2")) return Isa::kAvx2;
  if (is(kName, "avx512")) return Isa::kAvx512;
  return Isa::kNeon64;
}

}  // namespace

extern const Attention attention;
extern const Binary binary;
extern const BinaryCrossEntropyWithLogits binary_cross_entropy_with_logits;
extern const ChannelNorm channel_norm;
extern const Gated gated;
extern const Gemm gemm;
extern const LayerNorm layer_norm;
extern const AdamW adamw;
extern const ClipGradNorm clip_grad_norm;
extern const CrossEntropy cross_entropy;
extern const Dropout dropout;
extern const Ema ema;
extern const Sgd sgd;
extern const Softmax softmax;
extern const Normalize normalize_u8;
extern const Reduce reduce;
extern const Resize resize;
extern const Peak peak;
extern const Pool2d pool2d;
extern const RotaryEmbedding rotary_embedding;
extern const Unary unary;

extern const Kernels table;
constinit const Kernels table{
    .isa = this_isa(),
    .attention = &attention,
    .binary = &binary,
    .binary_cross_entropy_with_logits = &binary_cross_entropy_with_logits,
    .channel_norm = &channel_norm,
    .gated = &gated,
    .gemm = &gemm,
    .layer_norm = &layer_norm,
    .adamw = &adamw,
    .clip_grad_norm = &clip_grad_norm,
    .cross_entropy = &cross_entropy,
    .dropout = &dropout,
    .ema = &ema,
    .sgd = &sgd,
    .softmax = &softmax,
    .normalize_u8 = &normalize_u8,
    .reduce = &reduce,
    .resize = &resize,
    .peak = &peak,
    .pool2d = &pool2d,
    .rotary_embedding = &rotary_embedding,
    .unary = &unary,
};

}  // namespace vitrine::kernels::VT_ISA
