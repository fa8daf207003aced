#pragma once

#include "apps/command_line/options.hpp"

namespace vitrine {

/// Adds `scale` to `vitrine bench`: what training by many ranks would reach, foretold from a step
/// that is measured here.
void add_bench_scale(CLI::App& parent);

}  // namespace vitrine
