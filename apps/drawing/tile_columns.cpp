#include "apps/drawing/tile_columns.hpp"

#include <algorithm>
#include <cmath>

namespace vitrine {

int64_t tile_columns(int64_t tiles, double aspect) {
  constexpr double kFreedom = 1.3;  // how far from the wanted number of columns one may go
  const double wanted = std::sqrt(aspect * static_cast<double>(tiles));
  const auto least = std::max<int64_t>(std::llround(wanted / kFreedom), 1);
  const auto most = std::max<int64_t>(std::llround(wanted * kFreedom), 1);
  const auto empty = [tiles](int64_t columns) { return (columns - tiles % columns) % columns; };
  int64_t best = std::max<int64_t>(std::llround(wanted), 1);
  for (int64_t columns = most; columns >= least; --columns) {
    if (empty(columns) < empty(best)) best = columns;
  }
  return std::max<int64_t>(std::min(best, tiles), 1);
}

}  // namespace vitrine
