#pragma once

#include <span>

#include "models/data/augment.hpp"
#include "models/data/preprocess.hpp"

namespace vitrine {

/// Random erasing on a normalised picture, in place: with probability options.erase, rectangles
/// are filled as options.erase_mode says; a function of the arguments alone.
///   picture   (rule.height, rule.width, rule.channels)
/// Source: Zhong et al. 2020, arXiv 1708.04896. The draws are those of timm's RandomErasing: of ten
/// tries at a rectangle, the first that is smaller than the picture in both directions.
void random_erase(const Preprocess& rule, const Augment& options, const AugmentKey& key,
                  std::span<float> picture);

}  // namespace vitrine
