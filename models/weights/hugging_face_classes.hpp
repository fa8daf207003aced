#pragma once

#include <array>
#include <string_view>

#include "ops/images/resize.hpp"

// What is known of the classes of transformers 5.24, and of those that it has given up.

namespace vitrine {

/// A model_type and what its configuration class has for what config.json leaves out.
struct HfType {
  std::string_view name;
  std::string_view origin;  ///< the name map that its files have
  double norm_eps;
  std::string_view activation;
};
inline constexpr std::array<HfType, 15> kHfTypes = {
    {{"vit", "Hugging Face", 1e-12, "gelu"},
     {"vit-hybrid", "Hugging Face", 1e-12, "gelu"},
     {"deit", "Hugging Face", 1e-12, "gelu"},
     {"vit_mae", "Hugging Face", 1e-12, "gelu"},
     {"dinov2", "Hugging Face", 1e-6, "gelu"},
     {"dinov2_with_registers", "Hugging Face", 1e-6, "gelu"},
     {"dinov3_vit", "Hugging Face DINOv3", 1e-5, "gelu"},
     {"beit", "Hugging Face", 1e-12, "gelu"},
     {"data2vec-vision", "Hugging Face", 1e-12, "gelu"},
     {"clip_vision_model", "Hugging Face CLIP", 1e-5, "quick_gelu"},
     {"metaclip_2_vision_model", "Hugging Face CLIP", 1e-5, "quick_gelu"},
     {"siglip_vision_model", "Hugging Face CLIP", 1e-6, "gelu_pytorch_tanh"},
     {"aimv2_vision_model", "Hugging Face AIMv2", 1e-5, "silu"},
     {"resnet", "Hugging Face ResNet", 1e-5, "relu"},
     {"bit", "Hugging Face BiT", 1e-5, "relu"}}};

/// What a class of transformers puts behind the encoder.
enum class Head {
  kUnknown,     ///< the weights tell
  kNone,        ///< the features are the result; heads of pre-training are not part of it
  kClassifier,  ///< one, on the class token or the mean of a convolutional network's pixels
  kTwo,         ///< on class and distillation token
  kTokenMean,   ///< one, on the class token and the mean of the patches side by side
  kRawMean,     ///< one, on the mean of the patches before the last norm
  kProjection,  ///< visual_projection, on the class token
  kMap,         ///< attention pooling, and nothing behind it
  kMean,        ///< a classifier on the mean of the patches after the last norm
};

struct HfArchitecture {
  std::string_view name, model_type;
  Head head;
};
inline constexpr std::array<HfArchitecture, 36> kHfArchitectures = {{
    {"ViTModel", "vit", Head::kNone},
    {"ViTForMaskedImageModeling", "vit", Head::kNone},
    {"ViTForImageClassification", "vit", Head::kClassifier},
    {"ViTHybridModel", "vit-hybrid", Head::kNone},
    {"ViTHybridForImageClassification", "vit-hybrid", Head::kClassifier},
    {"ViTMAEModel", "vit_mae", Head::kNone},
    {"ViTMAEForPreTraining", "vit_mae", Head::kNone},
    {"DeiTModel", "deit", Head::kNone},
    {"DeiTForMaskedImageModeling", "deit", Head::kNone},
    {"DeiTForImageClassification", "deit", Head::kClassifier},
    {"DeiTForImageClassificationWithTeacher", "deit", Head::kTwo},
    {"Dinov2Model", "dinov2", Head::kNone},
    {"Dinov2ForImageClassification", "dinov2", Head::kTokenMean},
    {"Dinov2WithRegistersModel", "dinov2_with_registers", Head::kNone},
    {"Dinov2WithRegistersForImageClassification", "dinov2_with_registers", Head::kTokenMean},
    {"DINOv3ViTModel", "dinov3_vit", Head::kNone},
    {"BeitModel", "beit", Head::kNone},
    {"BeitForImageClassification", "beit", Head::kClassifier},
    {"Data2VecVisionModel", "data2vec-vision", Head::kNone},
    {"Data2VecVisionForImageClassification", "data2vec-vision", Head::kClassifier},
    {"SiglipVisionModel", "siglip_vision_model", Head::kMap},
    {"SiglipModel", "siglip_vision_model", Head::kMap},
    {"SiglipForImageClassification", "siglip_vision_model", Head::kMean},
    {"MetaClip2VisionModel", "metaclip_2_vision_model", Head::kNone},
    {"MetaClip2VisionModelWithProjection", "metaclip_2_vision_model", Head::kProjection},
    {"MetaClip2Model", "metaclip_2_vision_model", Head::kProjection},
    {"CLIPVisionModel", "clip_vision_model", Head::kNone},
    {"CLIPVisionTransformer", "clip_vision_model", Head::kNone},
    {"CLIPVisionModelWithProjection", "clip_vision_model", Head::kProjection},
    {"CLIPModel", "clip_vision_model", Head::kProjection},
    {"CLIPForImageClassification", "clip_vision_model", Head::kRawMean},
    {"Aimv2VisionModel", "aimv2_vision_model", Head::kNone},
    {"ResNetModel", "resnet", Head::kNone},
    {"ResNetForImageClassification", "resnet", Head::kClassifier},
    {"BitModel", "bit", Head::kNone},
    {"BitForImageClassification", "bit", Head::kClassifier},
}};

// Pillow's filters, in the order of the numbers under "resample".
inline constexpr std::array<ResizeFilter, 6> kHfResample = {
    ResizeFilter::kNearest, ResizeFilter::kLanczos, ResizeFilter::kBilinear,
    ResizeFilter::kBicubic, ResizeFilter::kBox,     ResizeFilter::kHamming};

// What changes no answer of a network that was trained.
inline constexpr std::array<std::string_view, 99> kHarmlessHfKeys = {
    // Who wrote the file with which types, and where it lay; weights say their types themselves.
    "transformers_version", "torch_dtype", "dtype", "_name_or_path", "_commit_hash",
    "finetuning_task", "task_specific_params", "tokenizer_class", "prefix",
    // How it is computed and what is returned beside the answer.
    "output_attentions", "output_hidden_states", "return_dict", "use_cache", "torchscript",
    "use_bfloat16", "tf_legacy_loss", "chunk_size_feed_forward", "gradient_checkpointing",
    "_attn_implementation", "attn_implementation", "_attn_implementation_autoset",
    "_attn_implementation_internal",
    // Values before training, and what drops out in it.
    "initializer_range", "initializer_factor", "layerscale_value", "logit_scale_init_value",
    "hidden_dropout_prob", "attention_probs_dropout_prob", "attention_dropout", "dropout",
    "drop_path_rate",
    // The inverse of id2label.
    "label2id",
    // Of heads that are not part of the network: pooler, decoders and masks of pre-training.
    "pooler_act", "pooler_output_size", "encoder_stride", "decoder_hidden_size",
    "decoder_intermediate_size", "decoder_num_attention_heads", "decoder_num_hidden_layers",
    "mask_ratio", "norm_pix_loss", "use_mask_token", "pos_embed_shift", "pos_embed_jitter",
    "pos_embed_rescale",  // DINOv3's, in training alone
    // Of BEiT's heads for segmentation, and of its pre-training.
    "pool_scales", "use_auxiliary_head", "auxiliary_loss_weight", "auxiliary_channels",
    "auxiliary_num_convs", "auxiliary_concat_input", "semantic_loss_ignore_index", "add_fpn",
    "segmentation_indices", "vocab_size", "return_class_token",
    // Of classes named ...Backbone, which are refused.
    "apply_layernorm", "reshape_hidden_states", "out_features", "out_indices", "stage_names",
    // Of CLIP's text tower.
    "text_config", "text_config_dict",
    // How texts are generated: every configuration had these once.
    "is_decoder", "is_encoder_decoder", "add_cross_attention", "cross_attention_hidden_size",
    "tie_encoder_decoder", "tie_word_embeddings", "bad_words_ids", "begin_suppress_tokens",
    "bos_token_id", "decoder_start_token_id", "diversity_penalty", "do_sample", "early_stopping",
    "encoder_no_repeat_ngram_size", "eos_token_id", "exponential_decay_length_penalty",
    "forced_bos_token_id", "forced_eos_token_id", "length_penalty", "max_length", "min_length",
    "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences", "output_scores",
    "pad_token_id", "remove_invalid_values", "repetition_penalty", "return_dict_in_generate",
    "sep_token_id", "suppress_tokens", "temperature", "top_k", "top_p", "typical_p"};

}  // namespace vitrine
