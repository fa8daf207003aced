#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/images/image.hpp"

namespace vitrine {

/// How often each class was taken for which: a row per true class, a column per prediction, blue
/// where that is right and red where it is wrong, the darker the larger the share of the row, with
/// a scale, and beside it the pairs that are confused most often.
///
/// Up to 200 classes have their names on both sides and the share that is right behind the row (and
/// counts in the cells as far as they fit); more have numbers from 0 as marks on the axes, and in
/// the list. Beyond 1,500 classes a pixel is several classes, as dark as the darkest of them: the
/// picture is never larger than about 3,000 pixels a side.
///   counts  (C, C): [truth][prediction]
///   names   (C); their numbers from 0 if empty
/// Throws ShapeError if the sizes do not fit together or there is no class.
Image draw_confusion_matrix(std::span<const int64_t> counts, std::span<const std::string> names);

}  // namespace vitrine
