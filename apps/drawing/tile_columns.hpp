#pragma once

#include <cstdint>

namespace vitrine {

/// Into how many columns to put `tiles` tiles: about `aspect` times as many as rows, with as few
/// empty places in the last row as that allows. At least 1.
int64_t tile_columns(int64_t tiles, double aspect);

}  // namespace vitrine
