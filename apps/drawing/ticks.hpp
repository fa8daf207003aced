#pragma once

#include <string>
#include <vector>

namespace vitrine {

/// Where an axis has marks, ascending, and what is written at each.
struct Ticks {
  std::vector<double> at;
  std::vector<std::string> labels;
};

/// Marks at multiples of 1, 2 or 5 times a power of ten within [low, high]: as many as fit into
/// `most`, at least one interval apart. `whole`: only whole numbers. Both limits finite, low <
/// high.
Ticks linear_ticks(double low, double high, int most, bool whole = false);

/// Marks for an axis from 0 to `high` > 0 on which distances are square roots: 0 and 1, 2 or 5
/// times powers of ten, at least 1 / most of the axis apart.
Ticks root_ticks(double high, int most);

/// Marks for a logarithmic axis within [low, high], 0 < low < high: powers of ten, with 2 and 5
/// between them where few powers fit, linear_ticks where hardly anything else does.
Ticks log_ticks(double low, double high, int most);

}  // namespace vitrine
