#pragma once

#include "core/tensor.hpp"

namespace vitrine {

/// Whether an operation that was given `t` by value may write its result over it: nobody else holds
/// the storage (a tape that needs the content would), and it is not frozen.
inline bool reusable(const Tensor& t) { return t.unique() && !t.storage().frozen(); }

}  // namespace vitrine
