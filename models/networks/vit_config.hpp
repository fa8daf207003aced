#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "models/networks/network.hpp"
#include "models/networks/resnetv2_config.hpp"
#include "ops/kernels/activation.hpp"

namespace vitrine {

enum class Pool {
  kToken,  ///< the class token
  kMean,   ///< the mean of the patch tokens
  /// The class token and the mean of the patch tokens side by side: Hugging Face's
  /// Dinov2ForImageClassification.
  kTokenMean,
  kRawMean,  ///< the mean of the patch tokens, and no norm behind the last block: Hugging Face's
             ///< CLIPForImageClassification
};

/// Where a token is, told to the network by adding a vector to it.
enum class Position {
  kNone,
  kLearned,     ///< one learned vector per position in the sequence (the paper's 1-D embedding)
  kLearned2d,   ///< a learned vector of D/2 per row and one per column, side by side (the paper's
                ///< 2-D embedding); tokens that are not patches have no place and get nothing
  kSinCosMoco,  ///< fixed sines and cosines of row and column, as MoCo v3 and big_vision
  kSinCosMae,   ///< the same with MAE's frequencies and order
  /// Nothing is added to the tokens; in every block, queries meet a learned key per offset in the
  /// sequence as well (ops/relative_attention). Each block has a table of its own, which its heads
  /// share.
  kRelative,
};

/// Where an embedding is added (the columns of the paper's table 8).
enum class PositionAt {
  kStart,   ///< to the tokens, before the first block
  kEvery,   ///< and to the input of every other block: a learned table for each
  kShared,  ///< the same with one table
};

/// A vision transformer as plain data. The paper's ViT is what the defaults say; the other switches
/// make its siblings (DeiT, DeiT-III, registers, CLIP's tower). Names and meanings are timm's.
struct VitConfig : NetworkConfig {
  int64_t patch_height = 16, patch_width = 16;
  bool patch_bias = true;
  /// A hybrid: patches are cut from the features of a ResNet instead of the image.
  std::optional<ResNetV2Config> backbone;

  // Encoder.
  int64_t width = 768;  ///< D
  int64_t depth = 12;   ///< L
  int64_t heads = 12;   ///< H
  double mlp_ratio = 4;
  Activation activation = Activation::kGelu;
  double norm_eps = 1e-6;
  bool qkv_bias = true;
  bool qk_norm = false;    ///< layer norm of q and k, per head
  bool pre_norm = false;   ///< a norm before the first block
  double layer_scale = 0;  ///< initial gamma on each branch; 0 for none

  // Tokens: class, distillation, registers, patches, in this order.
  bool class_token = true;
  bool distilled = false;  ///< a second token with a head of its own; logits are the mean of both
  int64_t registers = 0;
  Position position = Position::kLearned;
  PositionAt position_at = PositionAt::kStart;
  bool no_embed_class = false;  ///< the position embedding covers the patches only

  // Head.
  Pool pool = Pool::kToken;
  bool fc_norm = false;    ///< the final norm acts after pooling
  int64_t pre_logits = 0;  ///< size of a linear + tanh layer before the head; 0 for none

  // Regularisation in training.
  double position_dropout = 0;    ///< after the position embedding
  double projection_dropout = 0;  ///< after the attention's projection and both MLP layers
  double head_dropout = 0;        ///< before the head
  double drop_path = 0;           ///< of the last block; grows linearly from 0

  /// What patches are cut from: pixels of the image or of the backbone's features.
  Size2d patched() const {
    const Size2d image{image_height, image_width};
    return backbone ? backbone->grid(image) : image;
  }
  /// Pixels of the image that a patch covers, through the backbone if there is one.
  Size2d patch_pixels() const {
    const int64_t shrink = backbone ? backbone->shrink() : 1;
    return {shrink * patch_height, shrink * patch_width};
  }
  int64_t patched_channels() const { return backbone ? backbone->out_channels() : channels; }
  /// Patches along each side.
  Size2d grid() const { return {grid_height(), grid_width()}; }
  int64_t grid_height() const { return patched().h / patch_height; }
  int64_t grid_width() const { return patched().w / patch_width; }
  int64_t patches() const { return grid_height() * grid_width(); }
  /// Tokens that are not patches.
  int64_t prefix_tokens() const { return int64_t{class_token} + int64_t{distilled} + registers; }
  int64_t tokens() const { return prefix_tokens() + patches(); }
  /// Entries of a position embedding that are not of the grid.
  int64_t prefix_positions() const {
    return no_embed_class || position == Position::kLearned2d ? 0 : prefix_tokens();
  }
  /// Whether vectors are added to the tokens.
  bool embeds_position() const {
    return position != Position::kNone && position != Position::kRelative;
  }
  /// Numbers that the tokens are pooled to.
  int64_t pooled_width() const { return pool == Pool::kTokenMean ? 2 * width : width; }
  /// Numbers that the head sees.
  int64_t features() const override { return pre_logits > 0 ? pre_logits : pooled_width(); }
  int64_t hidden() const { return static_cast<int64_t>(static_cast<double>(width) * mlp_ratio); }
  /// Stochastic depth of block i: linear from 0 to drop_path.
  double drop_path_of(int64_t block) const;
  /// A fixed position embedding has no parameters.
  void each_layer(const LayerVisitor& f) const override;
  void validate() const override;
  std::string summary() const override;
  nlohmann::json to_json() const override;
  std::unique_ptr<Network> build() const override;
  /// What is left out keeps its default. Throws UsageError on unknown keys and impossible values.
  static VitConfig from_json(nlohmann::json object);
};

/// The configuration of a name:
///   vit_<size>_patch<p>_<pixels>       size: tiny small medium base large huge giant gigantic
///   vit_d<width>_l<layers>_h<heads>_patch<p>_<pixels>      any plain ViT; 10 classes if not said
/// either with _gray (one channel) and _c<classes> behind it; or timm's name of a sibling
/// (models/networks/vit_siblings.hpp). Throws UsageError, with the nearest
/// known names, if it is none of these.
VitConfig vit_config(std::string_view name);

}  // namespace vitrine
