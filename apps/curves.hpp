#pragma once

#include <span>
#include <string>

#include "core/image.hpp"

namespace vitrine {

/// Loss and accuracy of a run, training and validation, from its metrics.jsonl. Throws IoError, and
/// FormatError if a line is not what a run writes.
Image draw_curves(const std::string& metrics_path);

/// Several runs, by their folders, in one picture: loss and accuracy on each one's validation part,
/// named by the last part of its path, or all of it where last parts are the same. Throws as
/// draw_curves.
Image compare_curves(std::span<const std::string> runs);

}  // namespace vitrine
