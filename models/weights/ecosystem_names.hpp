#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "models/weights/tensor_layout.hpp"

namespace vitrine {

/// Which rows of a tensor: `count` of `parts` equal parts from the part `first` on, after `skipped`
/// rows that are none of them.
struct RowRange {
  int first = 0, count = 1, parts = 1;
  int skipped = 0;
  bool all() const { return count == parts; }
};

/// A tensor's name in a foreign file and in timm's state dict, as patterns of rename
/// (models/weights/name_pattern.hpp).
struct NameRule {
  std::string_view theirs;
  std::string_view ours;  ///< empty: a tensor that is not needed
  Layout layout = Layout::kSame;
  int part = 0;        ///< which rows of ours: q 0, k 1, v 2
  int parts = 1;       ///< of so many parts of the same size
  RowRange rows = {};  ///< of theirs, which has a rule for each of several of ours
};

/// The names of one ecosystem. A new architecture adds rules; a new ecosystem adds its own.
struct EcosystemNames {
  std::string_view origin;               ///< for people: "Hugging Face"
  std::string_view anchor;               ///< the tensor that every file of this kind has
  std::vector<std::string_view> bodies;  ///< prefixes that all names but the heads' may have
  std::vector<std::span<const NameRule>> tables;
  std::string_view inner = {};  ///< a prefix that names may have as well, whether or not the anchor
};

/// Those of every ecosystem, in the order in which they are tried.
std::span<const EcosystemNames> ecosystem_names();

/// The tables that files are also written with.
std::span<const NameRule> hugging_face_vit_names();
std::span<const NameRule> hugging_face_vit_blocks();
std::span<const NameRule> hugging_face_dinov2_blocks();
std::span<const NameRule> hugging_face_clip_names();
std::span<const NameRule> hugging_face_siglip_head();
std::span<const NameRule> hugging_face_dinov3_names();
std::span<const NameRule> hugging_face_beit_names();
std::span<const NameRule> hugging_face_gated_mlp();
std::span<const NameRule> hugging_face_resnet_names();
std::span<const NameRule> hugging_face_bit_names();

/// The other tables of ViT's siblings (models/weights/sibling_names.cpp).
std::span<const NameRule> sibling_names();
std::span<const NameRule> google_map_names();
std::span<const NameRule> beit3_names();
std::span<const NameRule> aimv2_names();
std::span<const NameRule> hugging_face_aimv2_names();
std::span<const NameRule> perception_encoder_names();

}  // namespace vitrine
