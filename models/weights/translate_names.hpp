#pragma once

#include <cstdint>

#include "core/formats/tensor_archive.hpp"
#include "models/weights/mapped_weights.hpp"

namespace vitrine {

/// A size of a tensor beyond this is refused before anything is computed from it: networks have
/// less, and products of two, even with 64 times that, fit in 63 bits.
inline constexpr int64_t kMaxDimension = int64_t{1} << 28;

/// The tensors of a file of another program under timm's names. Those of its ecosystem are found by
/// the anchor that the file has, wherever: behind the keys of a training checkpoint ("model/"), of
/// wrappers ("module.", "backbone.") or of an optimiser ("opt/target/"). Of several networks in one
/// file the averaged weights come first, as timm has it, then "state_dict", "model", "teacher";
/// where both are levels of one state dict ("model/teacher.backbone."), the teacher before the
/// student. Everything outside is left out, with a note. `origin` is the ecosystem's, or that of a
/// family that its tensors tell: DeiT's distillation token, DINOv2's mask token beside LayerScale
/// and patches of 14. Throws FormatError: kUnsupported for networks that are known and not read
/// (CLIP's ResNets), kMismatch if no ecosystem fits or parts of a tensor are missing.
MappedWeights translate_names(const TensorArchive& archive);

}  // namespace vitrine
