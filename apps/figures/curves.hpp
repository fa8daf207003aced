#pragma once

#include <span>
#include <string>

#include "core/images/image.hpp"

namespace vitrine {

/// Loss and accuracy of a run, training and validation, from the metrics.jsonl in its folder.
/// Throws IoError, and FormatError if a line is not what a run writes, or lines are missing that
/// the checkpoint counts.
Image draw_curves(const std::string& run);

/// Several runs, by their folders, in one picture: loss and accuracy on each one's validation part,
/// named by the last part of its path, or all of it where two last parts are alike. Throws
/// what draw_curves throws.
Image compare_curves(std::span<const std::string> runs);

}  // namespace vitrine
