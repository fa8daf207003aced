#include <array>

#include "models/weights/ecosystem_names.hpp"

// The names of every ecosystem as tables. Sources: timm 1.0.29 (vision_transformer.py,
// checkpoint_filter_fn), transformers 5.23, google-research/vision_transformer and big_vision,
// torchvision 0.28, openai/CLIP.

namespace vitrine {
namespace {

constexpr auto kInOut = Layout::kInOut;
constexpr auto kInOutHeads = Layout::kInOutHeads;
constexpr auto kFlat = Layout::kFlat;

// --- timm, and what kept its names: DeiT, DINO, DINOv2, MAE
// ---------------------------------------

constexpr std::array<NameRule, 5> kTimm = {{
    {"blocks.{}.gamma_1", "blocks.{}.ls1.gamma"},  // DeiT-III
    {"blocks.{}.gamma_2", "blocks.{}.ls2.gamma"},
    {"register_tokens", "reg_token"},  // DINOv2
    {"mask_token", ""},
    {"*", "*"},
}};

// --- Hugging Face --------------------------------------------------------------------------------

constexpr std::array<NameRule, 12> kHfVit = {{
    {"embeddings.cls_token", "cls_token"},
    {"embeddings.distillation_token", "dist_token"},
    {"embeddings.register_tokens", "reg_token"},
    {"embeddings.position_embeddings", "pos_embed"},
    {"embeddings.patch_embeddings.projection.*", "patch_embed.proj.*"},
    {"layernorm.*", "norm.*"},
    {"classifier.*", "head.*"},
    {"cls_classifier.*", "head.*"},
    {"distillation_classifier.*", "head_dist.*"},
    {"embeddings.mask_token", ""},
    {"decoder.*", ""},       // MAE's, of pre-training
    {"pooler.dense.*", ""},  // no classifier is behind it
}};

constexpr std::array<NameRule, 8> kHfVitBlocks = {{
    {"encoder.layer.{}.layernorm_before.*", "blocks.{}.norm1.*"},
    {"encoder.layer.{}.layernorm_after.*", "blocks.{}.norm2.*"},
    {"encoder.layer.{}.attention.attention.query.*", "blocks.{}.attn.qkv.*", Layout::kSame, 0, 3},
    {"encoder.layer.{}.attention.attention.key.*", "blocks.{}.attn.qkv.*", Layout::kSame, 1, 3},
    {"encoder.layer.{}.attention.attention.value.*", "blocks.{}.attn.qkv.*", Layout::kSame, 2, 3},
    {"encoder.layer.{}.attention.output.dense.*", "blocks.{}.attn.proj.*"},
    {"encoder.layer.{}.intermediate.dense.*", "blocks.{}.mlp.fc1.*"},
    {"encoder.layer.{}.output.dense.*", "blocks.{}.mlp.fc2.*"},
}};

constexpr std::array<NameRule, 10> kHfDinov2Blocks = {{
    {"encoder.layer.{}.norm1.*", "blocks.{}.norm1.*"},
    {"encoder.layer.{}.norm2.*", "blocks.{}.norm2.*"},
    {"encoder.layer.{}.attention.attention.query.*", "blocks.{}.attn.qkv.*", Layout::kSame, 0, 3},
    {"encoder.layer.{}.attention.attention.key.*", "blocks.{}.attn.qkv.*", Layout::kSame, 1, 3},
    {"encoder.layer.{}.attention.attention.value.*", "blocks.{}.attn.qkv.*", Layout::kSame, 2, 3},
    {"encoder.layer.{}.attention.output.dense.*", "blocks.{}.attn.proj.*"},
    {"encoder.layer.{}.layer_scale1.lambda1", "blocks.{}.ls1.gamma"},
    {"encoder.layer.{}.layer_scale2.lambda1", "blocks.{}.ls2.gamma"},
    {"encoder.layer.{}.mlp.fc1.*", "blocks.{}.mlp.fc1.*"},
    {"encoder.layer.{}.mlp.fc2.*", "blocks.{}.mlp.fc2.*"},
}};

constexpr std::array<NameRule, 21> kHfClip = {{
    {"embeddings.class_embedding", "cls_token"},
    {"embeddings.position_embedding.weight", "pos_embed"},
    {"embeddings.patch_embedding.*", "patch_embed.proj.*"},
    {"pre_layrnorm.*", "norm_pre.*"},  // so it is written
    {"encoder.layers.{}.layer_norm1.*", "blocks.{}.norm1.*"},
    {"encoder.layers.{}.layer_norm2.*", "blocks.{}.norm2.*"},
    {"encoder.layers.{}.self_attn.q_proj.*", "blocks.{}.attn.qkv.*", Layout::kSame, 0, 3},
    {"encoder.layers.{}.self_attn.k_proj.*", "blocks.{}.attn.qkv.*", Layout::kSame, 1, 3},
    {"encoder.layers.{}.self_attn.v_proj.*", "blocks.{}.attn.qkv.*", Layout::kSame, 2, 3},
    {"encoder.layers.{}.self_attn.out_proj.*", "blocks.{}.attn.proj.*"},
    {"encoder.layers.{}.mlp.fc1.*", "blocks.{}.mlp.fc1.*"},
    {"encoder.layers.{}.mlp.fc2.*", "blocks.{}.mlp.fc2.*"},
    {"post_layernorm.*", "norm.*"},
    {"visual_projection.weight", "head.weight"},
    {"classifier.*", "head.*"},
    {"embeddings.position_ids", ""},
    // The text tower of a whole model, and what joins the two.
    {"text_model.*", ""},
    {"text_projection.*", ""},
    {"logit_scale", ""},
    {"logit_bias", ""},
    {"vision_model.embeddings.position_ids", ""},
}};

// Of a ViTHybrid, which transformers dropped with version 5.
constexpr std::array<NameRule, 3> kHfBackbone = {{
    {"embeddings.patch_embeddings.backbone.bit.embedder.convolution.weight",
     "patch_embed.backbone.stem.conv.weight"},
    {"embeddings.patch_embeddings.backbone.bit.embedder.norm.*",
     "patch_embed.backbone.stem.norm.*"},
    {"embeddings.patch_embeddings.backbone.bit.encoder.stages.{}.layers.{}.*",
     "patch_embed.backbone.stages.{}.blocks.{}.*"},
}};

// --- OpenAI's CLIP -------------------------------------------------------------------------------

constexpr std::array<NameRule, 22> kOpenAiClip = {{
    {"visual.conv1.weight", "patch_embed.proj.weight"},
    {"visual.class_embedding", "cls_token"},
    {"visual.positional_embedding", "pos_embed"},
    {"visual.ln_pre.*", "norm_pre.*"},
    {"visual.transformer.resblocks.{}.ln_1.*", "blocks.{}.norm1.*"},
    {"visual.transformer.resblocks.{}.ln_2.*", "blocks.{}.norm2.*"},
    {"visual.transformer.resblocks.{}.attn.in_proj_weight", "blocks.{}.attn.qkv.weight"},
    {"visual.transformer.resblocks.{}.attn.in_proj_bias", "blocks.{}.attn.qkv.bias"},
    {"visual.transformer.resblocks.{}.attn.out_proj.*", "blocks.{}.attn.proj.*"},
    {"visual.transformer.resblocks.{}.mlp.c_fc.*", "blocks.{}.mlp.fc1.*"},
    {"visual.transformer.resblocks.{}.mlp.c_proj.*", "blocks.{}.mlp.fc2.*"},
    {"visual.ln_post.*", "norm.*"},
    {"visual.proj", "head.weight", kInOut},
    // The text tower, and sizes.
    {"transformer.*", ""},
    {"token_embedding.*", ""},
    {"positional_embedding", ""},
    {"ln_final.*", ""},
    {"text_projection", ""},
    {"logit_scale", ""},
    {"logit_bias", ""},
    {"text.*", ""},  // of open_clip's with custom_text
    {"input_resolution", ""},
}};

// --- torchvision ---------------------------------------------------------------------------------

constexpr std::array<NameRule, 14> kTorchvision = {{
    {"class_token", "cls_token"},
    {"conv_proj.*", "patch_embed.proj.*"},
    {"encoder.pos_embedding", "pos_embed"},
    {"encoder.layers.encoder_layer_{}.ln_1.*", "blocks.{}.norm1.*"},
    {"encoder.layers.encoder_layer_{}.ln_2.*", "blocks.{}.norm2.*"},
    {"encoder.layers.encoder_layer_{}.self_attention.in_proj_weight", "blocks.{}.attn.qkv.weight"},
    {"encoder.layers.encoder_layer_{}.self_attention.in_proj_bias", "blocks.{}.attn.qkv.bias"},
    {"encoder.layers.encoder_layer_{}.self_attention.out_proj.*", "blocks.{}.attn.proj.*"},
    {"encoder.layers.encoder_layer_{}.mlp.0.*", "blocks.{}.mlp.fc1.*"},
    {"encoder.layers.encoder_layer_{}.mlp.3.*", "blocks.{}.mlp.fc2.*"},
    {"encoder.layers.encoder_layer_{}.mlp.linear_1.*", "blocks.{}.mlp.fc1.*"},  // until 0.12
    {"encoder.layers.encoder_layer_{}.mlp.linear_2.*", "blocks.{}.mlp.fc2.*"},
    {"encoder.ln.*", "norm.*"},
    {"heads.head.*", "head.*"},
}};

constexpr std::array<NameRule, 1> kTorchvisionPreLogits = {
    {{"heads.pre_logits.*", "pre_logits.fc.*"}}};

// --- Google: vision_transformer and big_vision ---------------------------------------------------

constexpr std::array<NameRule, 11> kGoogle = {{
    {"embedding/kernel", "patch_embed.proj.weight", Layout::kHwio},
    {"embedding/bias", "patch_embed.proj.bias"},
    {"cls", "cls_token"},
    {"Transformer/posembed_input/pos_embedding", "pos_embed"},
    {"pos_embedding", "pos_embed"},  // big_vision
    {"Transformer/encoder_norm/scale", "norm.weight"},
    {"Transformer/encoder_norm/bias", "norm.bias"},
    {"pre_logits/kernel", "pre_logits.fc.weight", kInOut},
    {"pre_logits/bias", "pre_logits.fc.bias"},
    {"head/kernel", "head.weight", kInOut},
    {"head/bias", "head.bias"},
}};

// Modules are numbered within a block by one counter (before Flax's linen: attention 1, norm 2, MLP
// 3) or by one for each class. What a file has decides.
constexpr std::array<NameRule, 28> kGoogleBlocks = {{
    {"Transformer/encoderblock_{}/LayerNorm_0/scale", "blocks.{}.norm1.weight"},
    {"Transformer/encoderblock_{}/LayerNorm_0/bias", "blocks.{}.norm1.bias"},
    {"Transformer/encoderblock_{}/LayerNorm_2/scale", "blocks.{}.norm2.weight"},
    {"Transformer/encoderblock_{}/LayerNorm_2/bias", "blocks.{}.norm2.bias"},
    {"Transformer/encoderblock_{}/LayerNorm_1/scale", "blocks.{}.norm2.weight"},
    {"Transformer/encoderblock_{}/LayerNorm_1/bias", "blocks.{}.norm2.bias"},
    {"Transformer/encoderblock_{}/MultiHeadDotProductAttention_{}/query/kernel",
     "blocks.{}.attn.qkv.weight", kInOut, 0, 3},
    {"Transformer/encoderblock_{}/MultiHeadDotProductAttention_{}/key/kernel",
     "blocks.{}.attn.qkv.weight", kInOut, 1, 3},
    {"Transformer/encoderblock_{}/MultiHeadDotProductAttention_{}/value/kernel",
     "blocks.{}.attn.qkv.weight", kInOut, 2, 3},
    {"Transformer/encoderblock_{}/MultiHeadDotProductAttention_{}/query/bias",
     "blocks.{}.attn.qkv.bias", kFlat, 0, 3},
    {"Transformer/encoderblock_{}/MultiHeadDotProductAttention_{}/key/bias",
     "blocks.{}.attn.qkv.bias", kFlat, 1, 3},
    {"Transformer/encoderblock_{}/MultiHeadDotProductAttention_{}/value/bias",
     "blocks.{}.attn.qkv.bias", kFlat, 2, 3},
    {"Transformer/encoderblock_{}/MultiHeadDotProductAttention_{}/out/kernel",
     "blocks.{}.attn.proj.weight", kInOutHeads},
    {"Transformer/encoderblock_{}/MultiHeadDotProductAttention_{}/out/bias",
     "blocks.{}.attn.proj.bias"},
    {"Transformer/encoderblock_{}/MlpBlock_{}/Dense_0/kernel", "blocks.{}.mlp.fc1.weight", kInOut},
    {"Transformer/encoderblock_{}/MlpBlock_{}/Dense_0/bias", "blocks.{}.mlp.fc1.bias"},
    {"Transformer/encoderblock_{}/MlpBlock_{}/Dense_1/kernel", "blocks.{}.mlp.fc2.weight", kInOut},
    {"Transformer/encoderblock_{}/MlpBlock_{}/Dense_1/bias", "blocks.{}.mlp.fc2.bias"},
    // An optimiser's state of a training checkpoint.
    {"opt/state/*", ""},
    {"opt/mu/*", ""},
    {"opt/nu/*", ""},
    {"extra/*", ""},
    {"chrono/*", ""},
    {"opt/*", ""},
    {"states/*", ""},
    {"step", ""},
    {"epoch", ""},
    {"rng", ""},
}};

constexpr std::array<NameRule, 15> kGoogleBackbone = {{
    {"conv_root/kernel", "patch_embed.backbone.stem.conv.weight", Layout::kHwio},
    {"gn_root/scale", "patch_embed.backbone.stem.norm.weight"},
    {"gn_root/bias", "patch_embed.backbone.stem.norm.bias"},
    {"block{1}/unit{1}/conv1/kernel", "patch_embed.backbone.stages.{}.blocks.{}.conv1.weight",
     Layout::kHwio},
    {"block{1}/unit{1}/gn1/scale", "patch_embed.backbone.stages.{}.blocks.{}.norm1.weight"},
    {"block{1}/unit{1}/gn1/bias", "patch_embed.backbone.stages.{}.blocks.{}.norm1.bias"},
    {"block{1}/unit{1}/conv2/kernel", "patch_embed.backbone.stages.{}.blocks.{}.conv2.weight",
     Layout::kHwio},
    {"block{1}/unit{1}/gn2/scale", "patch_embed.backbone.stages.{}.blocks.{}.norm2.weight"},
    {"block{1}/unit{1}/gn2/bias", "patch_embed.backbone.stages.{}.blocks.{}.norm2.bias"},
    {"block{1}/unit{1}/conv3/kernel", "patch_embed.backbone.stages.{}.blocks.{}.conv3.weight",
     Layout::kHwio},
    {"block{1}/unit{1}/gn3/scale", "patch_embed.backbone.stages.{}.blocks.{}.norm3.weight"},
    {"block{1}/unit{1}/gn3/bias", "patch_embed.backbone.stages.{}.blocks.{}.norm3.bias"},
    {"block{1}/unit{1}/conv_proj/kernel",
     "patch_embed.backbone.stages.{}.blocks.{}.downsample.conv.weight", Layout::kHwio},
    {"block{1}/unit{1}/gn_proj/scale",
     "patch_embed.backbone.stages.{}.blocks.{}.downsample.norm.weight"},
    {"block{1}/unit{1}/gn_proj/bias",
     "patch_embed.backbone.stages.{}.blocks.{}.downsample.norm.bias"},
}};

// --- Convolutional networks
// ------------------------------------------------------------------------

constexpr std::array<NameRule, 8> kHfResNet = {{
    {"embedder.embedder.convolution.weight", "conv1.weight"},
    {"embedder.embedder.normalization.*", "bn1.*"},
    {"encoder.stages.{}.layers.{}.shortcut.convolution.weight", "layer{1}.{}.downsample.0.weight"},
    {"encoder.stages.{}.layers.{}.shortcut.normalization.*", "layer{1}.{}.downsample.1.*"},
    {"encoder.stages.{}.layers.{}.layer.{}.convolution.weight", "layer{1}.{}.conv{1}.weight"},
    {"encoder.stages.{}.layers.{}.layer.{}.normalization.*", "layer{1}.{}.bn{1}.*"},
    {"classifier.1.*", "fc.*"},
    {"pooler.*", ""},
}};

constexpr std::array<NameRule, 5> kHfBit = {{
    {"embedder.convolution.weight", "stem.conv.weight"},
    {"embedder.norm.*", "stem.norm.*"},
    {"encoder.stages.{}.layers.{}.*", "stages.{}.blocks.{}.*"},
    {"norm.*", "norm.*"},
    {"classifier.1.*", "head.fc.*"},
}};

// The files of big_transfer.
constexpr std::array<NameRule, 15> kBitNpz = {{
    {"root_block/standardized_conv2d/kernel", "stem.conv.weight", Layout::kHwio},
    {"block{1}/unit{1}/a/proj/standardized_conv2d/kernel",
     "stages.{}.blocks.{}.downsample.conv.weight", Layout::kHwio},
    {"block{1}/unit{1}/a/standardized_conv2d/kernel", "stages.{}.blocks.{}.conv1.weight",
     Layout::kHwio},
    {"block{1}/unit{1}/b/standardized_conv2d/kernel", "stages.{}.blocks.{}.conv2.weight",
     Layout::kHwio},
    {"block{1}/unit{1}/c/standardized_conv2d/kernel", "stages.{}.blocks.{}.conv3.weight",
     Layout::kHwio},
    {"block{1}/unit{1}/a/group_norm/gamma", "stages.{}.blocks.{}.norm1.weight"},
    {"block{1}/unit{1}/a/group_norm/beta", "stages.{}.blocks.{}.norm1.bias"},
    {"block{1}/unit{1}/b/group_norm/gamma", "stages.{}.blocks.{}.norm2.weight"},
    {"block{1}/unit{1}/b/group_norm/beta", "stages.{}.blocks.{}.norm2.bias"},
    {"block{1}/unit{1}/c/group_norm/gamma", "stages.{}.blocks.{}.norm3.weight"},
    {"block{1}/unit{1}/c/group_norm/beta", "stages.{}.blocks.{}.norm3.bias"},
    {"group_norm/gamma", "norm.weight"},
    {"group_norm/beta", "norm.bias"},
    {"head/conv2d/kernel", "head.fc.weight", Layout::kHwio},
    {"head/conv2d/bias", "head.fc.bias"},
}};

constexpr std::array<NameRule, 1> kUnchanged = {{{"*", "*"}}};

}  // namespace

std::span<const NameRule> hugging_face_vit_names() { return kHfVit; }
std::span<const NameRule> hugging_face_vit_blocks() { return kHfVitBlocks; }
std::span<const NameRule> hugging_face_dinov2_blocks() { return kHfDinov2Blocks; }
std::span<const NameRule> hugging_face_clip_names() { return kHfClip; }
std::span<const NameRule> hugging_face_resnet_names() { return kHfResNet; }
std::span<const NameRule> hugging_face_bit_names() { return kHfBit; }

std::span<const EcosystemNames> ecosystem_names() {
  static const std::array<EcosystemNames, 16> all = {{
      {"timm", "patch_embed.proj.weight", {}, {sibling_names(), kTimm}},
      {"Hugging Face",
       "embeddings.patch_embeddings.projection.weight",
       {"vit.", "deit.", "dinov2_with_registers.", "dinov2.", "beit.", "data2vec_vision."},
       {kHfVit, kHfVitBlocks, kHfDinov2Blocks, hugging_face_gated_mlp(), hugging_face_beit_names(),
        kHfBackbone}},
      {"Hugging Face CLIP",
       "embeddings.patch_embedding.weight",
       {"vision_model."},
       {kHfClip, hugging_face_siglip_head()}},
      {"Hugging Face DINOv3",
       "embeddings.patch_embeddings.weight",
       {},
       {hugging_face_dinov3_names()},
       "model."},
      {"Perception Encoder",
       "visual.attn_pool.probe",
       {},
       {perception_encoder_names(), kOpenAiClip}},
      {"Hugging Face AIMv2", "embeddings.patch_embed.weight", {}, {hugging_face_aimv2_names()}},
      {"OpenAI CLIP", "visual.conv1.weight", {}, {kOpenAiClip}},
      {"BEiT-3", "vision_embed.proj.weight", {"beit3."}, {beit3_names()}},
      {"AIMv2", "preprocessor.patchifier.proj.weight", {}, {aimv2_names()}},
      {"torchvision", "conv_proj.weight", {}, {kTorchvision, kTorchvisionPreLogits}},
      {"Google",
       "embedding/kernel",
       {},
       {kGoogle, kGoogleBlocks, google_map_names(), kGoogleBackbone}},
      {"ResNet", "layer1.0.conv1.weight", {}, {kUnchanged}},
      {"BiT", "stages.0.blocks.0.conv1.weight", {}, {kUnchanged}},
      {"Hugging Face ResNet", "embedder.embedder.convolution.weight", {"resnet."}, {kHfResNet}},
      {"Hugging Face BiT", "embedder.convolution.weight", {"bit."}, {kHfBit}},
      {"BiT npz", "root_block/standardized_conv2d/kernel", {"resnet/"}, {kBitNpz}},
  }};
  return all;
}

}  // namespace vitrine
