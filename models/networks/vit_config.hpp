#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "models/networks/block_form.hpp"
#include "models/networks/network.hpp"
#include "models/networks/resnetv2_config.hpp"
#include "models/networks/rotary_config.hpp"
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
  kMax,      ///< of each number the largest among the patch tokens
  kMeanMax,  ///< half the sum of mean and maximum of the patch tokens
  kMap,      ///< attention of a learned query: SigLIP
};

/// timm's class of a network: it names the parameters, and says what the query of kMap sees.
enum class VitFamily {
  kVit,   ///< VisionTransformer
  kEva,   ///< Eva: EVA, DINOv3, rotary ViTs
  kBeit,  ///< Beit
};

/// The layers between two tokens' widths in a block.
enum class MlpKind {
  kPlain,
  kGatedPacked,  ///< gate and value in one matrix: DINOv2's giant
  kGated,        ///< in two: DINOv3 "plus", EVA-02
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
/// make its siblings (DeiT, registers, CLIP's and SigLIP's towers, DINOv3, EVA-02, BEiT). Names and
/// meanings are timm's.
struct VitConfig : NetworkConfig {
  VitFamily family = VitFamily::kVit;
  int64_t patch_height = 16, patch_width = 16;
  bool patch_bias = true;
  bool patch_norm = false;  ///< a norm of the patches before positions are added
  /// A hybrid: patches are cut from the features of a ResNet instead of the image.
  std::optional<ResNetV2Config> backbone;

  // Encoder.
  int64_t width = 768;  ///< D
  int64_t depth = 12;   ///< L
  int64_t heads = 12;   ///< H
  BlockForm block_form = BlockForm::kPre;
  MlpKind mlp = MlpKind::kPlain;
  double mlp_ratio = 4;
  int64_t mlp_hidden = 0;  ///< numbers that enter fc2; 0: as mlp_ratio says
  Activation activation = Activation::kGelu;
  NormKind norm = NormKind::kLayer;
  double norm_eps = 1e-6;
  bool qkv_bias = true;
  bool k_bias = true;      ///< else q and v alone have one
  bool qkv_fused = true;   ///< q, k and v from one matrix
  bool proj_bias = true;   ///< of the attention's projection and the MLP
  bool qk_norm = false;    ///< a norm of q and k, per head
  bool attn_norm = false;  ///< a norm of what the heads found (sub-LN)
  bool mlp_norm = false;   ///< a norm of the MLP's hidden layer
  bool pre_norm = false;   ///< a norm before the first block
  double layer_scale = 0;  ///< initial gamma on each branch; 0 for none

  // Tokens: class, distillation, registers, patches, in this order.
  bool class_token = true;
  bool distilled = false;  ///< a second token with a head of its own; logits are the mean of both
  int64_t registers = 0;
  Position position = Position::kLearned;
  PositionAt position_at = PositionAt::kStart;
  bool no_embed_class = false;            ///< the position embedding covers the patches only
  std::optional<RotaryConfig> rope = {};  ///< queries and keys turn, beside what is added
  bool rel_pos_bias = false;              ///< BEiT's bias of the scores, each block its own table
  bool shared_rel_pos_bias = false;       ///< the same of one table for all blocks

  // Head.
  Pool pool = Pool::kToken;
  int64_t pool_heads = 0;     ///< of kMap; 0: as the blocks
  double pool_mlp_ratio = 0;  ///< of its MLP; 0: as the blocks
  bool pool_prefix = false;   ///< all tokens are pooled, not patches alone (kMap always in Eva)
  bool final_norm = true;
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
  int64_t head_width() const { return width / heads; }
  /// Numbers in the hidden layer of the MLP.
  int64_t hidden() const {
    const auto wide = static_cast<int64_t>(static_cast<double>(width) * mlp_ratio);
    // timm's VisionTransformer counts the rows of a packed gate and its value.
    const bool halves = mlp == MlpKind::kGatedPacked && family == VitFamily::kVit;
    return mlp_hidden > 0 ? mlp_hidden : halves ? wide / 2 : wide;
  }
  /// The same of attention pooling.
  int64_t pool_hidden() const {
    const double ratio = pool_mlp_ratio > 0 ? pool_mlp_ratio : mlp_ratio;
    return static_cast<int64_t>(static_cast<double>(width) * ratio);
  }
  /// Tokens before those that are pooled to one by kMean, kMax and kMap.
  int64_t skipped_tokens() const {
    const bool all = pool_prefix || (pool == Pool::kMap && family == VitFamily::kEva);
    return all ? 0 : prefix_tokens();
  }
  bool norms_at_end() const { return final_norm && pool != Pool::kRawMean; }
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
