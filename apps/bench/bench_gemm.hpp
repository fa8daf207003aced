#pragma once

#include "apps/command_line/options.hpp"

namespace vitrine {

/// Adds `gemm` to `vitrine bench`: matrix products, their share of the peak, and peers.
void add_bench_gemm(CLI::App& parent);

}  // namespace vitrine
