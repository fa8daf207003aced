// Reductions of the columns of a matrix, kVectors vectors of columns at a time. A contiguous run is
// seen as a matrix whose rows are kVectors vectors long; its columns are added up at the end.
//
// Sums: kBlock rows are added plainly, then the block's sum is added to the total together with
// what the addition rounded away (Knuth's two-sum), so the error does not grow with n:
//
//   total = high + block;  low += what is lost;  ...;  y = high + low

#include "ops/kernels/reduce.hpp"

#include "ops/simd/order.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

// Rows whose sum is plain: each costs at most one more rounding, and with 16 the compensated
// addition is a third of the work.
constexpr int64_t kBlock = 16;
// Vectors side by side: independent additions hide their latency, and the longer the piece of each
// row, the better the processor fetches ahead (8 beat 4 by a quarter on long columns).
constexpr int64_t kVectors = 8;

/// A sum and what its roundings lost.
struct Total {
  Vec high = splat(0.0F);
  Vec low = splat(0.0F);

  void add(Vec block) {
    const Vec sum = high + block;
    const Vec taken = sum - high;
    low += (high - (sum - taken)) + (block - taken);
    high = sum;
  }
  /// Once a sum is infinite, what it lost is NaN, and does not count.
  Vec value() const { return select(low == low, high + low, high); }
};

/// The sum of f(x) over n rows for kCount vectors of columns.
template <int64_t kCount, class Part, class F>
inline void sum_columns(int64_t n, int64_t pitch, const float* x, Part part, F f,
                        Total (&total)[kCount]) {
  for (int64_t r = 0; r < n; r += kBlock) {
    const int64_t rows = n - r < kBlock ? n - r : kBlock;
    Vec block[kCount];
    for (int64_t k = 0; k < kCount; ++k) block[k] = splat(0.0F);
    for (int64_t i = 0; i < rows; ++i, x += pitch) {
      for (int64_t k = 0; k < kCount; ++k) block[k] += f(part.load(x + k * kLanes), k);
    }
    for (int64_t k = 0; k < kCount; ++k) total[k].add(block[k]);
  }
}

/// Calls step.template operator()<count>(column, part) for strips of columns: kVectors vectors at a
/// time, then one, then the rest of one.
template <class Step>
inline void for_each_strip(int64_t width, Step step) {
  int64_t j = 0;
  for (; j + kVectors * kLanes <= width; j += kVectors * kLanes) {
    step.template operator()<kVectors>(j, Whole{});
  }
  for_each_vector(width - j,
                  [&](int64_t i, auto part) { step.template operator()<1>(j + i, part); });
}

/// The sum of f(x) over a contiguous run.
template <class F>
inline float sum_run(int64_t n, const float* x, F f) {
  constexpr int64_t kRow = kVectors * kLanes;
  Total total[kVectors];
  const int64_t rows = n / kRow;
  sum_columns<kVectors>(rows, kRow, x, Whole{}, [&](Vec v, int64_t) { return f(v); }, total);
  x += rows * kRow;
  // Lanes of a tail that are not there must add 0, which need not be f(0).
  for_each_vector(n - rows * kRow, [&](int64_t i, auto part) {
    const Vec value = f(part.load(x + i));
    alignas(64) float lane[kLanes] = {};
    part.store(lane, value);
    total[0].add(load(lane));
  });
  for (int64_t k = 1; k < kVectors; ++k) {
    total[0].add(total[k].high);
    total[0].low += total[k].low;
  }
  const float high = reduce_add(total[0].high);
  const float low = reduce_add(total[0].low);
  return low == low ? high + low : high;
}

void sum(int64_t n, int64_t width, int64_t pitch, const float* x, float* y) {
  if (width == 1 && pitch == 1) {
    *y = sum_run(n, x, [](Vec v) { return v; });
    return;
  }
  for_each_strip(width, [&]<int64_t kCount>(int64_t j, auto part) {
    Total total[kCount];
    sum_columns<kCount>(n, pitch, x + j, part, [](Vec v, int64_t) { return v; }, total);
    for (int64_t k = 0; k < kCount; ++k) part.store(y + j + k * kLanes, total[k].value());
  });
}

void deviations(int64_t n, int64_t width, int64_t pitch, const float* x, const float* center,
                float* sums, float* squares) {
  if (width == 1 && pitch == 1) {
    const Vec c = splat(*center);
    *sums = sum_run(n, x, [&](Vec v) { return v - c; });
    *squares = sum_run(n, x, [&](Vec v) { return (v - c) * (v - c); });
    return;
  }
  for_each_strip(width, [&]<int64_t kCount>(int64_t j, auto part) {
    Vec c[kCount];
    for (int64_t k = 0; k < kCount; ++k) c[k] = part.load(center + j + k * kLanes);
    Total first[kCount];
    sum_columns<kCount>(n, pitch, x + j, part, [&](Vec v, int64_t k) { return v - c[k]; }, first);
    Total second[kCount];
    sum_columns<kCount>(
        n, pitch, x + j, part,
        [&](Vec v, int64_t k) {
          const Vec d = v - c[k];
          return d * d;
        },
        second);
    for (int64_t k = 0; k < kCount; ++k) {
      part.store(sums + j + k * kLanes, first[k].value());
      part.store(squares + j + k * kLanes, second[k].value());
    }
  });
}

void max(int64_t n, int64_t width, int64_t pitch, const float* x, float* y) {
  const float lowest = -__builtin_inff();
  if (width == 1 && pitch == 1) {
    Vec best = splat(lowest);
    for_each_vector(n,
                    [&](int64_t i, auto part) { best = larger(best, part.load(x + i, lowest)); });
    *y = any(is_nan(best)) ? __builtin_nanf("") : reduce_max(best);
    return;
  }
  for_each_strip(width, [&]<int64_t kCount>(int64_t j, auto part) {
    Vec best[kCount];
    for (int64_t k = 0; k < kCount; ++k) best[k] = splat(lowest);
    const float* row = x + j;
    for (int64_t r = 0; r < n; ++r, row += pitch) {
      for (int64_t k = 0; k < kCount; ++k) best[k] = larger(best[k], part.load(row + k * kLanes));
    }
    for (int64_t k = 0; k < kCount; ++k) part.store(y + j + k * kLanes, best[k]);
  });
}

}  // namespace

extern const Reduce reduce;
const Reduce reduce{sum, deviations, max};

}  // namespace vitrine::kernels::VT_ISA
