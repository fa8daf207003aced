#pragma once

#include <cstdint>

#include "core/formats/tensor_archive.hpp"
#include "models/training/training.hpp"

namespace vitrine {

/// Has `training` go on from the state in a file, after `steps` updates. Throws
/// FormatError(kMismatch) if a tensor is missing or of another shape.
void restore_state(Training& training, const TensorArchive& file, int64_t steps);

}  // namespace vitrine
