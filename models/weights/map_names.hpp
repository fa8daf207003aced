#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/formats/tensor_archive.hpp"
#include "models/weights/name_map.hpp"

namespace vitrine {

/// A file's tensors under timm's names; those without a rule keep their own. No two have one name.
class MappedWeights {
 public:
  std::string origin;              ///< whose weights these are: "Google", "DINOv2"
  std::vector<std::string> notes;  ///< what was left out or folded, a line each

  const std::vector<MappedTensor>& tensors() const { return tensors_; }
  const MappedTensor* find(std::string_view name) const;
  MappedTensor* find(std::string_view name);
  /// The place in tensors() of the tensor of that name, which is added if there is none.
  size_t place_of(const std::string& name);
  MappedTensor& at(size_t place) { return tensors_[place]; }
  /// False, and nothing happens, if another tensor has that name.
  bool rename(std::string_view from, const std::string& to);
  /// How many were taken out: those whose names begin so.
  size_t erase_all(std::string_view prefix);

 private:
  std::vector<MappedTensor> tensors_;
  std::map<std::string, size_t, std::less<>> places_;  // by name
};

/// A size of a tensor beyond this is refused before anything is computed from it: networks have
/// less, and products of two, even with 64 times that, fit in 63 bits.
inline constexpr int64_t kMaxDimension = int64_t{1} << 28;

/// Finds the map whose anchor the file has, wherever: behind the keys of a training checkpoint
/// ("model/"), of wrappers ("module.", "backbone.") or of an optimiser ("opt/target/"). Of several
/// networks in one file the averaged weights come first, as timm has it, then "state_dict",
/// "model", "teacher"; where both are levels of one state dict ("model/teacher.backbone."), the
/// teacher before the student. Everything outside is left out, with a note. `origin` is the map's,
/// or that of a family that its tensors tell: DeiT's distillation token, DINOv2's mask token beside
/// LayerScale and patches of 14. Throws FormatError: kUnsupported for networks that are known and
/// not read (CLIP's ResNets), kMismatch if no map fits or parts of a tensor are missing.
MappedWeights map_names(const TensorArchive& archive);

}  // namespace vitrine
