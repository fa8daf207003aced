#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/data/class_order.hpp"
#include "models/data/preprocess.hpp"
#include "models/networks/position_resampling.hpp"
#include "models/networks/vit_config.hpp"
#include "models/weights/claims.hpp"

namespace vitrine {

/// What the shapes of weights do not say: it comes from the files beside them, or from the habits
/// of the ecosystem that they come from.
struct SourceFacts {
  std::string source;       ///< for people: "config.json (Hugging Face vit)"
  int64_t heads = 0;        ///< 0: not said
  int64_t head_width = 64;  ///< of heads that are not said
  double norm_eps = 1e-6;
  Activation activation = Activation::kGelu;
  bool activation_said = false;  ///< else a gate is SiLU
  // Parts of ViT's siblings that weights do not show.
  VitFamily family = VitFamily::kVit;
  std::optional<RotaryConfig> rope;
  /// Rotary positions count as on the grid of training, and from 0 on without a class token.
  bool rope_of_own_grid = false;
  BlockForm block_form = BlockForm::kPre;
  int64_t pool_heads = 0;
  bool pool_prefix = false;
  bool final_norm = true;  ///< false: the weights have none, and should not
  int64_t groups = 32;     ///< of group norm
  double gn_eps = 1e-5;
  double conv_eps = 1e-8;
  StandardizeForm conv_eps_form = StandardizeForm::kRoot;
  /// Of a ResNetV2 what else its weights do not show. Not said: standardised kernels with group
  /// norm and a stem of one convolution, as BiT and hybrids have; else as timm's own have it.
  std::optional<bool> standardize, avg_down;
  Stem stem = Stem::kSame;
  int64_t image_height = 0, image_width = 0;  ///< 0: a square, as the position embedding has it
  std::optional<Pool> pool;                   ///< not said: as the weights look
  bool no_position = false;                   ///< it is said that there is no position embedding
  PositionResampling resampling = PositionResampling::kBicubicAntialias;
  Preprocess preprocess;
  bool picture_size_is_its_own = false;  ///< else the size of pictures follows the network's
  std::string preprocess_source;         ///< "preprocessor_config.json", ...
  bool preprocess_known = false;         ///< it comes from a file, not from habits
  /// What the configuration says of things that weights show, and the file that a difference is
  /// reported of; empty: the weights'.
  Claims claims;
  std::string claims_path;
  std::vector<std::string> labels;
  ClassOrder class_order = ClassOrder::kOwn;  ///< of classes without labels
  std::vector<std::string> notes;
  /// A distillation token without a head of its own is a register: only attention meets it.
  bool lone_distillation_token = false;
};

/// Of weights without a configuration. `origin` is that of their name map.
///   timm           erf GELU, 1e-6; bicubic, crop 0.9, mean and deviation 0.5
///   DeiT, DINOv2   the same, but 256 to 224, ImageNet's mean and deviation
///   BEiT-3         erf GELU, 1e-5; bicubic, crop 1, ImageNet's mean and deviation
///   AIMv2          SiLU, 1e-5, heads of 128; bicubic, crop 1, CLIP's mean and deviation
///   Perception     erf GELU, 1e-5, rotary positions, attention pooling with 8 heads; squashed
///   Encoder        bilinear, mean and deviation 0.5
///   DINOv3         erf GELU, 1e-5, rotary positions, 224 pixels; squashed bilinear, ImageNet's
///   mean
///                  and deviation
///   Google         tanh GELU as trained, 1e-6; squashed bilinear; group norm 1e-6 and kernels
///                  standardised by deviation + 1e-5, where the others have 1e-5 and variance +
///                  1e-8
///   torchvision    erf GELU, 1e-6; bilinear, 256 to 224, ImageNet's mean and deviation
///   CLIP           quick GELU as OpenAI trained, 1e-5; bicubic, CLIP's mean and deviation
///   Hugging Face   erf GELU, 1e-12; squashed bilinear
///   ResNet         names do not tell timm from torchvision: torchvision's preprocessing
///   BiT            padded on all sides alike; bilinear, 256 to 224, mean and deviation 0.5
/// A position embedding is resampled as PositionResampling says of each.
SourceFacts facts_of_origin(std::string_view origin);

/// Of a Hugging Face model's config.json, which lies at `path`, preprocessor_config.json and
/// processor_config.json (empty if there is none).
/// Throws FormatError that names file, key and value: kBadHeader for what is no such file,
/// kUnsupported for what is not known and may change the answer.
SourceFacts facts_of_hugging_face(std::string_view config, std::string_view preprocessor,
                                  std::string_view path, std::string_view processor = {});

/// Of the config.json of a timm model on the Hugging Face hub, whose weights are of `origin`; also
/// as transformers wraps it. Every key of it is read, is known to change nothing, or is refused.
/// Throws FormatError: kUnsupported for an architecture, argument, key or value that is not known.
/// Where the file is silent on preprocessing, timm's own defaults hold (resolve_data_config).
SourceFacts facts_of_timm(std::string_view config, std::string_view origin, std::string_view path);

/// Of open_clip_config.json, which open_clip writes beside a CLIP model's weights. Throws as above.
SourceFacts facts_of_open_clip(std::string_view config, std::string_view path);

/// Whether a config.json is one of timm's ("architecture").
bool is_timm_config(std::string_view config);

/// The inverse of facts_of_hugging_face, for a network that Hugging Face has a class for.
struct HuggingFaceFiles {
  std::string model_type;  ///< vit, deit, dinov2, clip_vision_model, resnet, bit
  std::string config, preprocessor;
};
/// Throws UsageError that says which switch of the configuration Hugging Face's models do not have.
HuggingFaceFiles hugging_face_files(const NetworkConfig& config, const Preprocess& preprocess,
                                    const std::vector<std::string>& labels);

}  // namespace vitrine
