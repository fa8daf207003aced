#pragma once

#include <cstdint>
#include <vector>

#include "models/networks/position_resampling.hpp"

namespace vitrine {

/// The (to, from) matrix, row by row, that resamples an axis of `from` numbers to `to`.
std::vector<double> resampling_matrix(int64_t from, int64_t to, PositionResampling method);

}  // namespace vitrine
