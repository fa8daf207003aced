#pragma once

#include <cstdint>
#include <span>

namespace vitrine {

/// A = L L^T of a symmetric positive definite matrix, in double; L replaces A.
///   a   (n, n) row-major; only the lower triangle is read and written
/// Returns whether A is positive definite; if not, `a` is undefined.
/// Error: backward stable, |A - L L^T| <= n eps |A|. Source: Golub and Van Loan, 4th ed., 4.2.5.
bool cholesky(std::span<double> a, int64_t n);

/// Solves L L^T x = b in place, L from cholesky.
///   b   (n, columns) row-major: many right-hand sides
void cholesky_solve(std::span<const double> l, int64_t n, std::span<double> b, int64_t columns);

}  // namespace vitrine
