#pragma once

#include <span>
#include <string>

#include "core/profile.hpp"

namespace vitrine {

/// The rows as a table for people: operation, calls, time, share of the sum, GFLOP/s (2 per
/// multiply-add, nothing where none were counted). Empty without rows.
std::string profile_table(std::span<const ProfileRow> rows);

}  // namespace vitrine
