// The textbook loops as an ISA of their own: what every other table is compared with.

#include "ops/kernels/all.hpp"
#include "ops/kernels/adamw.hpp"
#include "ops/kernels/attention.hpp"
#include "ops/kernels/binary.hpp"
#include "ops/kernels/binary_cross_entropy_with_logits.hpp"
#include "ops/kernels/channel_norm.hpp"
#include "ops/kernels/clip_grad_norm.hpp"
#include "ops/kernels/cross_entropy.hpp"
#include "ops/kernels/dropout.hpp"
#include "ops/kernels/ema.hpp"
#include "ops/kernels/gated.hpp"
#include "ops/kernels/gemm.hpp"
#include "ops/kernels/gemm_int8.hpp"
#include "ops/kernels/layer_norm.hpp"
#include "ops/kernels/normalize.hpp"
#include "ops/kernels/peak.hpp"
#include "ops/kernels/pool2d.hpp"
#include "ops/kernels/reduce.hpp"
#include "ops/kernels/resize.hpp"
#include "ops/kernels/rotary_embedding.hpp"
#include "ops/kernels/sgd.hpp"
#include "ops/kernels/softmax.hpp"
#include "ops/kernels/unary.hpp"
#include "ops/reference/adamw.hpp"
#include "ops/reference/attention.hpp"
#include "ops/reference/binary.hpp"
#include "ops/reference/binary_cross_entropy_with_logits.hpp"
#include "ops/reference/channel_norm.hpp"
#include "ops/reference/clip_grad_norm.hpp"
#include "ops/reference/cross_entropy.hpp"
#include "ops/reference/dropout.hpp"
#include "ops/reference/ema.hpp"
#include "ops/reference/gated.hpp"
#include "ops/reference/gemm.hpp"
#include "ops/reference/gemm_int8.hpp"
#include "ops/reference/layer_norm.hpp"
#include "ops/reference/normalize.hpp"
#include "ops/reference/peak.hpp"
#include "ops/reference/pool2d.hpp"
#include "ops/reference/reduce.hpp"
#include "ops/reference/resize.hpp"
#include "ops/reference/rotary_embedding.hpp"
#include "ops/reference/sgd.hpp"
#include "ops/reference/softmax.hpp"
#include "ops/reference/unary.hpp"

namespace vitrine::kernels::reference {
namespace {

constexpr Attention kAttention{vitrine::reference::attention_scratch<float>,
                               vitrine::reference::attention_forward<float>,
                               vitrine::reference::attention_scratch<float>,
                               vitrine::reference::attention_backward<float>,
                               vitrine::reference::attention_scratch<float>,
                               vitrine::reference::attention_probabilities<float>};

constexpr Binary kBinary{vitrine::reference::binary_forward, vitrine::reference::binary_backward};

constexpr ChannelNorm kChannelNorm{vitrine::reference::channel_norm_forward<float>,
                                   vitrine::reference::channel_norm_sums<float>,
                                   vitrine::reference::channel_norm_backward<float>};

constexpr Reduce kReduce{vitrine::reference::sum<float>, vitrine::reference::deviations<float>,
                         vitrine::reference::max<float>};

constexpr Unary kUnary{vitrine::reference::unary_forward<float>,
                       vitrine::reference::unary_backward<float>};

constexpr Gated kGated{vitrine::reference::gated_forward<float>,
                       vitrine::reference::gated_backward<float>};

constexpr RotaryEmbedding kRotaryEmbedding{
    vitrine::reference::rotary_embedding_rotate<float>,
    vitrine::reference::rotary_embedding_table_backward<float>};

constexpr Gemm kGemm{.mr = vitrine::reference::kGemmRows,
                     .nr = vitrine::reference::kGemmColumns,
                     .lanes = vitrine::reference::kGemmLanes,
                     .kc = vitrine::reference::kGemmBlockK,
                     .pack = vitrine::reference::gemm_pack,
                     .transpose = vitrine::reference::gemm_transpose,
                     .multiply = vitrine::reference::gemm_multiply,
                     .narrow = vitrine::reference::gemm_narrow,
                     .widen = vitrine::reference::gemm_widen};

constexpr LayerNorm kLayerNorm{vitrine::reference::layer_norm_forward<float>,
                               vitrine::reference::layer_norm_backward<float>};
constexpr Normalize kNormalize{vitrine::reference::normalize_pixels};
constexpr Resize kResize{vitrine::reference::resize_blend_rows};

constexpr Peak kPeak{.run = vitrine::reference::peak,
                     .flops_per_step = 2 * vitrine::reference::kPeakChains,
                     .read = vitrine::reference::read};

constexpr Pool2d kPool2d{
    vitrine::reference::pool2d_max<float>, vitrine::reference::pool2d_sum<float>,
    vitrine::reference::pool2d_add_where<float>, vitrine::reference::pool2d_add_scaled<float>};

constexpr AdamW kAdamW{vitrine::reference::adamw_update<float>};

constexpr ClipGradNorm kClipGradNorm{vitrine::reference::gradient_sum_squares<float>,
                                     vitrine::reference::gradient_scale<float>};

constexpr BinaryCrossEntropyWithLogits kBinaryCrossEntropyWithLogits{
    vitrine::reference::binary_cross_entropy_with_logits_forward<float>,
    vitrine::reference::binary_cross_entropy_with_logits_backward<float>};
constexpr CrossEntropy kCrossEntropy{vitrine::reference::cross_entropy_forward<float>,
                                     vitrine::reference::cross_entropy_backward<float>};

constexpr Dropout kDropout{vitrine::reference::dropout_apply,
                           vitrine::reference::dropout_scale_rows<float>};

constexpr Ema kEma{vitrine::reference::ema_update<float>};

constexpr Sgd kSgd{vitrine::reference::sgd_update<float>};

constexpr Softmax kSoftmax{
    vitrine::reference::softmax_forward<float>, vitrine::reference::log_softmax_forward<float>,
    vitrine::reference::softmax_backward<float>, vitrine::reference::log_softmax_backward<float>};

}  // namespace

extern const GemmInt8 gemm_int8;
constinit const GemmInt8 gemm_int8{.mr = 1,
                                   .nr = vitrine::reference::kInt8Columns,
                                   .lanes = 1,
                                   .step = 1,
                                   .tile_rows = 1,
                                   .levels = 255,
                                   .most = 0,
                                   .flip = 0,
                                   .range = vitrine::reference::int8_range,
                                   .quantize = vitrine::reference::int8_quantize,
                                   .place = vitrine::reference::int8_place,
                                   .multiply = vitrine::reference::int8_multiply,
                                   .peak = vitrine::reference::int8_peak,
                                   .ops_per_step = 2 * vitrine::reference::kInt8PeakChains};

extern const Kernels table;
constinit const Kernels table{
    .isa = Isa::kReference,
    .attention = &kAttention,
    .binary = &kBinary,
    .binary_cross_entropy_with_logits = &kBinaryCrossEntropyWithLogits,
    .channel_norm = &kChannelNorm,
    .gated = &kGated,
    .gemm = &kGemm,
    .layer_norm = &kLayerNorm,
    .adamw = &kAdamW,
    .clip_grad_norm = &kClipGradNorm,
    .cross_entropy = &kCrossEntropy,
    .dropout = &kDropout,
    .ema = &kEma,
    .sgd = &kSgd,
    .softmax = &kSoftmax,
    .normalize_u8 = &kNormalize,
    .reduce = &kReduce,
    .resize = &kResize,
    .peak = &kPeak,
    .pool2d = &kPool2d,
    .rotary_embedding = &kRotaryEmbedding,
    .unary = &kUnary,
};

}  // namespace vitrine::kernels::reference
