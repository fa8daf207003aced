#include <array>

#include "models/weights/ecosystem_names.hpp"

// The names of ViT's younger siblings: SigLIP, DINOv3, EVA, BEiT. Sources: timm 1.0.29 (eva.py,
// beit.py, vision_transformer.py), transformers 5.24, big_vision, Meta's and Microsoft's files.

namespace vitrine {
namespace {

constexpr auto kSame = Layout::kSame;
constexpr auto kInOut = Layout::kInOut;

// --- What timm's classes, Meta's DINOv2 and DINOv3, BAAI's EVA and Microsoft's BEiT have
// ----------

constexpr std::array<NameRule, 20> kSiblings = {{
    {"storage_tokens", "reg_token"},  // DINOv3
    {"blocks.{}.mlp.w12.*", "blocks.{}.mlp.fc1.*"},
    {"blocks.{}.mlp.w1.*", "blocks.{}.mlp.fc1_g.*"},
    {"blocks.{}.mlp.w2.*", "blocks.{}.mlp.fc1_x.*"},
    {"blocks.{}.mlp.w3.*", "blocks.{}.mlp.fc2.*"},
    {"blocks.{}.mlp.ffn_ln.*", "blocks.{}.mlp.norm.*"},
    {"blocks.{}.attn.inner_attn_ln.*", "blocks.{}.attn.norm.*"},
    // It hides the part of the keys, which nothing reads, and may be NaN.
    {"blocks.{}.attn.qkv.bias_mask", ""},
    {"blocks.{}.attn.k_bias", ""},  // zeros, as a buffer
    // Angles, for the image size of training: computed for every size.
    {"rope.freqs", "rope.freqs"},
    {"rope.*", ""},
    {"rope_embed.*", ""},
    {"blocks.{}.attn.rope.*", ""},
    {"blocks.{}.attn.relative_position_index", ""},
    {"rel_pos_bias.relative_position_index", ""},
    // Of pre-training.
    {"local_cls_norm.*", ""},
    {"projectors.*", ""},
    {"lm_head.*", ""},
    {"cls_pt_layers.*", ""},
    {"decoder_*", ""},  // MAE's: decoder_embed, decoder_blocks...
}};

// --- Hugging Face --------------------------------------------------------------------------------

constexpr std::array<NameRule, 9> kHfSiglipHead = {{
    {"head.probe", "attn_pool.latent"},
    {"head.attention.in_proj_weight", "attn_pool.q.weight", kSame, 0, 1, {0, 1, 3}},
    {"head.attention.in_proj_weight", "attn_pool.kv.weight", kSame, 0, 1, {1, 2, 3}},
    {"head.attention.in_proj_bias", "attn_pool.q.bias", kSame, 0, 1, {0, 1, 3}},
    {"head.attention.in_proj_bias", "attn_pool.kv.bias", kSame, 0, 1, {1, 2, 3}},
    {"head.attention.out_proj.*", "attn_pool.proj.*"},
    {"head.layernorm.*", "attn_pool.norm.*"},
    {"head.mlp.fc1.*", "attn_pool.mlp.fc1.*"},
    {"head.mlp.fc2.*", "attn_pool.mlp.fc2.*"},
}};

constexpr std::array<NameRule, 20> kHfDinov3 = {{
    {"embeddings.cls_token", "cls_token"},
    {"embeddings.register_tokens", "reg_token"},
    {"embeddings.mask_token", ""},
    {"embeddings.patch_embeddings.*", "patch_embed.proj.*"},
    {"layer.{}.norm1.*", "blocks.{}.norm1.*"},
    {"layer.{}.norm2.*", "blocks.{}.norm2.*"},
    {"layer.{}.attention.q_proj.weight", "blocks.{}.attn.qkv.weight", kSame, 0, 3},
    {"layer.{}.attention.k_proj.weight", "blocks.{}.attn.qkv.weight", kSame, 1, 3},
    {"layer.{}.attention.v_proj.weight", "blocks.{}.attn.qkv.weight", kSame, 2, 3},
    {"layer.{}.attention.q_proj.bias", "blocks.{}.attn.q_bias"},
    {"layer.{}.attention.v_proj.bias", "blocks.{}.attn.v_bias"},
    {"layer.{}.attention.o_proj.*", "blocks.{}.attn.proj.*"},
    {"layer.{}.layer_scale1.lambda1", "blocks.{}.ls1.gamma"},
    {"layer.{}.layer_scale2.lambda1", "blocks.{}.ls2.gamma"},
    {"layer.{}.mlp.gate_proj.*", "blocks.{}.mlp.fc1_g.*"},
    // Beside a gate the value, else the one layer (fit_names).
    {"layer.{}.mlp.up_proj.*", "blocks.{}.mlp.fc1.*"},
    {"layer.{}.mlp.up_proj.*", "blocks.{}.mlp.fc1_x.*"},
    {"layer.{}.mlp.down_proj.*", "blocks.{}.mlp.fc2.*"},
    {"norm.*", "norm.*"},
    {"rope_embeddings.*", ""},
}};

// Beside those of ViT, which come first: of a file, biases of q and v are parts of one that has
// none for k (translate_names).
constexpr std::array<NameRule, 10> kHfBeit = {{
    {"encoder.layer.{}.attention.attention.query.bias", "blocks.{}.attn.q_bias"},
    {"encoder.layer.{}.attention.attention.value.bias", "blocks.{}.attn.v_bias"},
    {"encoder.layer.{}.attention.attention.relative_position_bias.relative_position_bias_table",
     "blocks.{}.attn.relative_position_bias_table"},
    {"encoder.layer.{}.attention.attention.relative_position_bias.relative_position_index", ""},
    {"encoder.relative_position_bias.relative_position_bias_table",
     "rel_pos_bias.relative_position_bias_table"},
    {"encoder.relative_position_bias.relative_position_index", ""},
    {"encoder.layer.{}.lambda_1", "blocks.{}.ls1.gamma"},
    {"encoder.layer.{}.lambda_2", "blocks.{}.ls2.gamma"},
    {"pooler.layernorm.*", "fc_norm.*"},
    {"lm_head.*", ""},
}};

// DINOv2's gated MLP, on disk and as transformers 5.24 holds it.
constexpr std::array<NameRule, 5> kHfGatedMlp = {{
    {"encoder.layer.{}.mlp.weights_in.*", "blocks.{}.mlp.fc1.*"},
    {"encoder.layer.{}.mlp.weights_out.*", "blocks.{}.mlp.fc2.*"},
    {"encoder.layer.{}.mlp.gate_proj.*", "blocks.{}.mlp.fc1.*", kSame, 0, 2},
    {"encoder.layer.{}.mlp.up_proj.*", "blocks.{}.mlp.fc1.*", kSame, 1, 2},
    {"encoder.layer.{}.mlp.down_proj.*", "blocks.{}.mlp.fc2.*"},
}};

// --- big_vision ----------------------------------------------------------------------------------

constexpr std::array<NameRule, 15> kGoogleMap = {{
    {"MAPHead_0/probe", "attn_pool.latent"},
    {"MAPHead_0/MultiHeadDotProductAttention_0/query/kernel", "attn_pool.q.weight", kInOut},
    {"MAPHead_0/MultiHeadDotProductAttention_0/query/bias", "attn_pool.q.bias", Layout::kFlat},
    {"MAPHead_0/MultiHeadDotProductAttention_0/key/kernel", "attn_pool.kv.weight", kInOut, 0, 2},
    {"MAPHead_0/MultiHeadDotProductAttention_0/key/bias", "attn_pool.kv.bias", Layout::kFlat, 0, 2},
    {"MAPHead_0/MultiHeadDotProductAttention_0/value/kernel", "attn_pool.kv.weight", kInOut, 1, 2},
    {"MAPHead_0/MultiHeadDotProductAttention_0/value/bias", "attn_pool.kv.bias", Layout::kFlat, 1,
     2},
    {"MAPHead_0/MultiHeadDotProductAttention_0/out/kernel", "attn_pool.proj.weight",
     Layout::kInOutHeads},
    {"MAPHead_0/MultiHeadDotProductAttention_0/out/bias", "attn_pool.proj.bias"},
    {"MAPHead_0/LayerNorm_0/scale", "attn_pool.norm.weight"},
    {"MAPHead_0/LayerNorm_0/bias", "attn_pool.norm.bias"},
    {"MAPHead_0/MlpBlock_0/Dense_0/kernel", "attn_pool.mlp.fc1.weight", kInOut},
    {"MAPHead_0/MlpBlock_0/Dense_0/bias", "attn_pool.mlp.fc1.bias"},
    {"MAPHead_0/MlpBlock_0/Dense_1/kernel", "attn_pool.mlp.fc2.weight", kInOut},
    {"MAPHead_0/MlpBlock_0/Dense_1/bias", "attn_pool.mlp.fc2.bias"},
}};

// --- Microsoft's BEiT-3, Apple's AIMv2, Meta's Perception Encoder --------------------------------

// Every layer is there twice: A for pictures, B for texts.
constexpr std::array<NameRule, 27> kBeit3 = {{
    {"vision_embed.proj.*", "patch_embed.proj.*"},
    {"vision_embed.cls_token", "cls_token"},
    {"vision_embed.mask_token", ""},
    {"text_embed.*", ""},
    // torchscale numbers positions from 2 on.
    {"encoder.embed_positions.A.weight", "pos_embed", kSame, 0, 1, {0, 1, 1, 2}},
    {"encoder.embed_positions.B.*", ""},
    {"encoder.layers.{}.self_attn.q_proj.A.*", "blocks.{}.attn.qkv.*", kSame, 0, 3},
    {"encoder.layers.{}.self_attn.k_proj.A.*", "blocks.{}.attn.qkv.*", kSame, 1, 3},
    {"encoder.layers.{}.self_attn.v_proj.A.*", "blocks.{}.attn.qkv.*", kSame, 2, 3},
    {"encoder.layers.{}.self_attn.inner_attn_ln.A.*", "blocks.{}.attn.norm.*"},
    {"encoder.layers.{}.self_attn.out_proj.A.*", "blocks.{}.attn.proj.*"},
    {"encoder.layers.{}.self_attn_layer_norm.A.*", "blocks.{}.norm1.*"},
    {"encoder.layers.{}.final_layer_norm.A.*", "blocks.{}.norm2.*"},
    {"encoder.layers.{}.ffn.A.fc1.*", "blocks.{}.mlp.fc1.*"},
    {"encoder.layers.{}.ffn.A.ffn_layernorm.*", "blocks.{}.mlp.norm.*"},
    {"encoder.layers.{}.ffn.A.fc2.*", "blocks.{}.mlp.fc2.*"},
    {"encoder.layers.{}.self_attn.q_proj.B.*", ""},
    {"encoder.layers.{}.self_attn.k_proj.B.*", ""},
    {"encoder.layers.{}.self_attn.v_proj.B.*", ""},
    {"encoder.layers.{}.self_attn.inner_attn_ln.B.*", ""},
    {"encoder.layers.{}.self_attn.out_proj.B.*", ""},
    {"encoder.layers.{}.self_attn_layer_norm.B.*", ""},
    {"encoder.layers.{}.final_layer_norm.B.*", ""},
    {"encoder.layers.{}.ffn.B.*", ""},
    {"fc_norm.*", "fc_norm.*"},
    {"norm.*", "norm.*"},
    {"head.*", "head.*"},
}};

constexpr std::array<NameRule, 10> kAimv2 = {{
    {"preprocessor.patchifier.proj.*", "patch_embed.proj.*"},
    {"preprocessor.patchifier.norm.*", "patch_embed.norm.*"},
    {"preprocessor.pos_embed", "pos_embed"},
    {"trunk.blocks.{}.norm_1.*", "blocks.{}.norm1.*"},
    {"trunk.blocks.{}.norm_2.*", "blocks.{}.norm2.*"},
    {"trunk.blocks.{}.attn.*", "blocks.{}.attn.*"},
    {"trunk.blocks.{}.mlp.fc1.*", "blocks.{}.mlp.fc1_g.*"},
    {"trunk.blocks.{}.mlp.fc3.*", "blocks.{}.mlp.fc1_x.*"},
    {"trunk.blocks.{}.mlp.fc2.*", "blocks.{}.mlp.fc2.*"},
    {"trunk.post_trunk_norm.*", "norm.*"},
}};

constexpr std::array<NameRule, 14> kHfAimv2 = {{
    {"embeddings.patch_embed.*", "patch_embed.proj.*"},
    {"embeddings.rms_norm.*", "patch_embed.norm.*"},
    {"embeddings.position_embedding.weight", "pos_embed"},
    {"encoder.layers.{}.rms_norm1.*", "blocks.{}.norm1.*"},
    {"encoder.layers.{}.rms_norm2.*", "blocks.{}.norm2.*"},
    {"encoder.layers.{}.attention.q_proj.*", "blocks.{}.attn.qkv.*", kSame, 0, 3},
    {"encoder.layers.{}.attention.k_proj.*", "blocks.{}.attn.qkv.*", kSame, 1, 3},
    {"encoder.layers.{}.attention.v_proj.*", "blocks.{}.attn.qkv.*", kSame, 2, 3},
    {"encoder.layers.{}.attention.out_proj.*", "blocks.{}.attn.proj.*"},
    {"encoder.layers.{}.ffn.gate_proj.*", "blocks.{}.mlp.fc1_g.*"},
    {"encoder.layers.{}.ffn.up_proj.*", "blocks.{}.mlp.fc1_x.*"},
    {"encoder.layers.{}.ffn.down_proj.*", "blocks.{}.mlp.fc2.*"},
    {"embeddings.position_ids", ""},
    {"rms_norm.*", "norm.*"},
}};

// Beside CLIP's, which it grew from.
constexpr std::array<NameRule, 9> kPerceptionEncoder = {{
    {"visual.attn_pool.probe", "attn_pool.latent"},
    {"visual.attn_pool.attn.in_proj_weight", "attn_pool.q.weight", kSame, 0, 1, {0, 1, 3}},
    {"visual.attn_pool.attn.in_proj_weight", "attn_pool.kv.weight", kSame, 0, 1, {1, 2, 3}},
    {"visual.attn_pool.attn.in_proj_bias", "attn_pool.q.bias", kSame, 0, 1, {0, 1, 3}},
    {"visual.attn_pool.attn.in_proj_bias", "attn_pool.kv.bias", kSame, 0, 1, {1, 2, 3}},
    {"visual.attn_pool.attn.out_proj.*", "attn_pool.proj.*"},
    {"visual.attn_pool.layernorm.*", "attn_pool.norm.*"},
    {"visual.attn_pool.mlp.c_fc.*", "attn_pool.mlp.fc1.*"},
    {"visual.attn_pool.mlp.c_proj.*", "attn_pool.mlp.fc2.*"},
}};

}  // namespace

std::span<const NameRule> beit3_names() { return kBeit3; }
std::span<const NameRule> aimv2_names() { return kAimv2; }
std::span<const NameRule> hugging_face_aimv2_names() { return kHfAimv2; }
std::span<const NameRule> perception_encoder_names() { return kPerceptionEncoder; }
std::span<const NameRule> sibling_names() { return kSiblings; }
std::span<const NameRule> hugging_face_siglip_head() { return kHfSiglipHead; }
std::span<const NameRule> hugging_face_dinov3_names() { return kHfDinov3; }
std::span<const NameRule> hugging_face_beit_names() { return kHfBeit; }
std::span<const NameRule> hugging_face_gated_mlp() { return kHfGatedMlp; }
std::span<const NameRule> google_map_names() { return kGoogleMap; }

}  // namespace vitrine
