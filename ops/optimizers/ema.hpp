#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// One step of an exponential moving average in place: average = decay average + (1 - decay) value.
///   average, value  of one shape; the average starts as a copy of the value
/// Not recorded by a tape. Throws ShapeError, and UsageError if a live tape needs `average`.
void ema_(Tensor& average, const Tensor& value, double decay);

}  // namespace vitrine
