#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vitrine {

/// The one of `names` that is nearest to `name`, for "did you mean"; "" if all are further than
/// half of its letters. Near is: few insertions, deletions and exchanges of letters, two neighbours
/// that changed places being one; words (between -, _ and dots) that one has and the other has not,
/// as in "batch-size" for "batch", each one change; initials, as in "lr" for "learning-rate", one
/// change.
std::string nearest_name(std::string_view name, std::span<const std::string> names);

/// "; did you mean NAME?", or "" if nothing is near.
std::string did_you_mean(std::string_view name, std::span<const std::string> names);

}  // namespace vitrine
