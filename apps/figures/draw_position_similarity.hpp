#pragma once

#include <cstdint>

#include "core/images/image.hpp"
#include "core/tensor.hpp"

namespace vitrine {

/// Figure 7 (centre) of the ViT paper: a tile for each patch of the image, in its place, that shows
/// how similar the position embedding of that patch is to those of all patches. Twice: in the
/// colours of -1 to 1, and in those of the range that different patches have, which its title names
/// and which is at least 0.01 wide; a patch itself has the colour of its upper end there.
///   similarity  (P, P) cosines of models/analysis/position_similarity.hpp, P = grid_height *
///   grid_width
/// Throws ShapeError if the shape is another one.
Image draw_position_similarity(const Tensor& similarity, int64_t grid_height, int64_t grid_width);

}  // namespace vitrine
