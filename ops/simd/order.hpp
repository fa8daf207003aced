#pragma once

// Comparisons that treat NaN as the winner, so that it reaches the result.

#include "ops/simd/simd.hpp"

namespace vitrine::simd {
namespace {

/// Not x != x: xsimd 8 compares that as "ordered and not equal" on AVX, which is false for NaN.
inline Mask is_nan(Vec x) { return !(x == x); }

/// The larger (smaller) of two; NaN if either is. If b is NaN nothing compares, so b is taken.
inline Vec larger(Vec a, Vec b) { return select((a > b) | is_nan(a), a, b); }
inline Vec smaller(Vec a, Vec b) { return select((a < b) | is_nan(a), a, b); }

}  // namespace
}  // namespace vitrine::simd
