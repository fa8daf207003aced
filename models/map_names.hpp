#pragma once

#include <string>
#include <vector>

#include "core/tensor_archive.hpp"
#include "models/name_map.hpp"

namespace vitrine {

/// A file's tensors under timm's names.
struct MappedWeights {
  std::string origin;                 ///< whose weights these are: "Google", "DINOv2"
  std::vector<MappedTensor> tensors;  ///< those without a rule keep their own names
  std::vector<std::string> notes;     ///< what was left out or folded, a line each

  const MappedTensor* find(std::string_view name) const;
  MappedTensor* find(std::string_view name);
};

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
