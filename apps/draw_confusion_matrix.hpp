#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/image.hpp"

namespace vitrine {

/// How often each class was taken for which: a row per true class, a column per prediction, blue
/// where that is right and red where it is wrong, the darker the larger the share of the row. The
/// share of each class that is right stands behind its row. Numbers and names are left out where
/// there is no room for them.
///   counts  (C, C): [truth][prediction]
///   names   (C); "1" to "C" if empty
/// Throws ShapeError if the sizes do not fit together or there is no class.
Image draw_confusion_matrix(std::span<const int64_t> counts, std::span<const std::string> names);

}  // namespace vitrine
