#pragma once

#include <string>

#include "core/image.hpp"

namespace vitrine {

/// Loss and accuracy of a run, training and validation, from its metrics.jsonl. Throws IoError, and
/// FormatError if a line is not what a run writes.
Image draw_curves(const std::string& metrics_path);

}  // namespace vitrine
