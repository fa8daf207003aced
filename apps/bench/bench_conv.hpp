#pragma once

#include "apps/command_line/options.hpp"

namespace vitrine {

/// Adds `conv` to `vitrine bench`: convolutions, and their share of the peak.
void add_bench_conv(CLI::App& parent);

}  // namespace vitrine
