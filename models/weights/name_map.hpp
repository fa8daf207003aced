#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/formats/raw_tensor.hpp"

namespace vitrine {

/// How a tensor lies in a file, compared with timm's: (out, in) matrices, OIHW convolutions.
enum class Layout {
  kSame,        ///< alike, up to leading axes of size 1
  kFlat,        ///< one axis in timm: biases of heads (H, hd)
  kInOut,       ///< the first axis is the input, the others together the output: (D, H, hd)
  kInOutHeads,  ///< the last axis is the output, the others together the input: (H, hd, D)
  kHwio,        ///< a convolution (h, w, in, out)
};

/// A tensor's name in a foreign file and in timm's state dict. In both, "{}" is a number that
/// counts from 0, "{1}" one that counts from 1, and "*" at the end the rest of the name.
struct NameRule {
  std::string_view theirs;
  std::string_view ours;  ///< empty: a tensor that is not needed
  Layout layout = Layout::kSame;
  int part = 0;   ///< which rows of ours: q 0, k 1, v 2
  int parts = 1;  ///< of so many parts of the same size
};

/// The names of one ecosystem. A new architecture adds rules; a new ecosystem adds a map.
struct NameMap {
  std::string_view origin;               ///< for people: "Hugging Face"
  std::string_view anchor;               ///< the tensor that every file of this kind has
  std::vector<std::string_view> bodies;  ///< prefixes that all names but the heads' may have
  std::vector<std::span<const NameRule>> tables;
};

/// All maps, in the order in which they are tried.
std::span<const NameMap> name_maps();

/// The tables of those maps that files are also written with.
std::span<const NameRule> hugging_face_vit_names();
std::span<const NameRule> hugging_face_vit_blocks();
std::span<const NameRule> hugging_face_dinov2_blocks();
std::span<const NameRule> hugging_face_clip_names();
std::span<const NameRule> hugging_face_resnet_names();
std::span<const NameRule> hugging_face_bit_names();

/// `name` if it matches `from`, rewritten as `to`; the two sides of a rule, in either direction.
std::optional<std::string> rename(std::string_view name, std::string_view from,
                                  std::string_view to);

/// What a tensor under timm's name is made of.
struct MappedPart {
  std::string name;  ///< in the file
  RawTensor tensor;
  Layout layout = Layout::kSame;
  bool added = false;  ///< to what the other parts gave, not placed behind it
};
struct MappedTensor {
  std::string name;               ///< timm's
  std::vector<int64_t> shape;     ///< timm's, up to leading axes of size 1
  std::vector<MappedPart> parts;  ///< along the first axis; none for zeros
};

/// The shape that a tensor of this layout has in timm.
std::vector<int64_t> mapped_shape(const RawTensor& tensor, Layout layout);

/// The values as timm has them: `out` has as many elements as the tensor. Throws FormatError for
/// element types that are not converted.
void write_values(const MappedTensor& tensor, std::span<float> out);

}  // namespace vitrine
