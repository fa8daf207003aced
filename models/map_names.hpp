#pragma once

#include <string>
#include <vector>

#include "core/tensor_archive.hpp"
#include "models/name_map.hpp"

namespace vitrine {

/// A file's tensors under timm's names.
struct MappedWeights {
  std::string origin;                 ///< of the map that was taken: "Google"
  std::vector<MappedTensor> tensors;  ///< those without a rule keep their own names
  std::vector<std::string> notes;     ///< what was left out or folded, a line each

  const MappedTensor* find(std::string_view name) const;
  MappedTensor* find(std::string_view name);
};

/// Finds the map whose anchor the file has, wherever: behind the keys of a training checkpoint
/// ("model/"), of wrappers ("module.", "backbone.") or of an optimiser ("opt/target/"). Of several
/// networks in one file the averaged weights come first, as timm has it, then "state_dict",
/// "model", "teacher". Everything outside is left out. Throws FormatError(kMismatch) if no map fits
/// or parts of a tensor are missing.
MappedWeights map_names(const TensorArchive& archive);

}  // namespace vitrine
