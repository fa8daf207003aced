#include "ops/cholesky.hpp"

#include <algorithm>
#include <cmath>

#include "core/interrupt.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

double dot(const double* a, const double* b, int64_t n) {
  // Four sums, since one would wait for itself.
  double sum[4] = {};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int64_t j = 0; j < 4; ++j) sum[j] += a[i + j] * b[i + j];
  }
  for (; i < n; ++i) sum[0] += a[i] * b[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

}  // namespace

bool cholesky(std::span<double> a, int64_t n) {
  // l_ij = (a_ij - sum_k<j l_ik l_jk) / l_jj, column by column; the rows below the diagonal do not
  // depend on each other.
  double* l = a.data();
  for (int64_t j = 0; j < n; ++j) {
    throw_if_interrupted();
    const double* row = l + j * n;
    const double square = row[j] - dot(row, row, j);
    if (!(square > 0) || !std::isfinite(square)) return false;
    const double pivot = std::sqrt(square);
    l[j * n + j] = pivot;
    parallel_for(n - j - 1, 256, [&](int64_t begin, int64_t end) {
      for (int64_t i = j + 1 + begin; i < j + 1 + end; ++i) {
        l[i * n + j] = (l[i * n + j] - dot(l + i * n, row, j)) / pivot;
      }
    });
  }
  return true;
}

void cholesky_solve(std::span<const double> l, int64_t n, std::span<double> b, int64_t columns) {
  parallel_for(columns, 16, [&](int64_t begin, int64_t end) {
    const auto eliminate = [&](int64_t i, int64_t k, double factor) {
      for (int64_t c = begin; c < end; ++c) {
        b[static_cast<size_t>(i * columns + c)] -= factor * b[static_cast<size_t>(k * columns + c)];
      }
    };
    const auto divide = [&](int64_t i) {
      for (int64_t c = begin; c < end; ++c) {
        b[static_cast<size_t>(i * columns + c)] /= l[static_cast<size_t>(i * n + i)];
      }
    };
    for (int64_t i = 0; i < n; ++i) {  // L y = b
      for (int64_t k = 0; k < i; ++k) eliminate(i, k, l[static_cast<size_t>(i * n + k)]);
      divide(i);
    }
    for (int64_t i = n - 1; i >= 0; --i) {  // L^T x = y
      divide(i);
      for (int64_t k = 0; k < i; ++k) eliminate(k, i, l[static_cast<size_t>(i * n + k)]);
    }
  });
}

}  // namespace vitrine
