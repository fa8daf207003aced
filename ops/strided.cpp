#include "ops/strided.hpp"

#include <algorithm>
#include <cstring>

#include "core/ceil_div.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 14;
// A transposition reads and writes blocks of this many rows and columns: 16 floats are a cache
// line, so every line that is touched is used whole before it leaves L1.
constexpr int64_t kBlock = 16;

/// n elements along the innermost axis.
void copy_run(LoopAxis run, int64_t n, const float* from, float* to) {
  if (run.a == 1 && run.b == 1) {
    std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
  } else if (run.a == 0 && run.b == 1) {
    std::fill_n(to, n, *from);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * run.b] = from[i * run.a];
  }
}

/// Rows [begin, end) of the matrix of the two innermost axes.
void copy_rows(LoopAxis row, LoopAxis run, int64_t begin, int64_t end, const float* from,
               float* to) {
  for (int64_t r = begin; r < end; ++r) {
    copy_run(run, run.size, from + r * row.a, to + r * row.b);
  }
}

/// The same where `from` is contiguous along the rows' axis and `to` along the other: block by
/// block, along the rows of `from`, which the processor then fetches ahead.
void transpose_rows(LoopAxis row, LoopAxis run, int64_t begin, int64_t end, const float* from,
                    float* to) {
  for (int64_t i = 0; i < run.size; i += kBlock) {
    const int64_t i_end = std::min(i + kBlock, run.size);
    for (int64_t r = begin; r < end; r += kBlock) {
      const int64_t r_end = std::min(r + kBlock, end);
      for (int64_t rr = r; rr < r_end; ++rr) {
        for (int64_t ii = i; ii < i_end; ++ii) to[rr * row.b + ii] = from[rr + ii * run.a];
      }
    }
  }
}
}  // namespace

void LoopNest::push(LoopAxis axis) {
  if (axis.size == 1) return;
  if (rank_ > 0) {
    LoopAxis& outer = axes_[static_cast<size_t>(rank_ - 1)];
    if (outer.a == axis.a * axis.size && outer.b == axis.b * axis.size) {
      outer = {outer.size * axis.size, axis.a, axis.b};
      return;
    }
  }
  VT_CHECK(rank_ < Shape::kMaxRank);
  axes_[static_cast<size_t>(rank_++)] = axis;
}

int64_t LoopNest::outer_steps(int64_t inner) const {
  int64_t steps = 1;
  for (int64_t i = inner; i < rank_; ++i) steps *= this->inner(i).size;
  return steps;
}

LoopNest::Offsets LoopNest::offsets(int64_t index, int64_t inner) const {
  Offsets at;
  for (int64_t i = inner; i < rank_; ++i) {
    const LoopAxis axis = this->inner(i);
    const int64_t step = index % axis.size;
    index /= axis.size;
    at.a += step * axis.a;
    at.b += step * axis.b;
  }
  return at;
}

void LoopNest::move_next_to_innermost(int64_t i) {
  const auto last = axes_.begin() + rank_ - 1;  // the innermost axis stays
  std::rotate(last - i, last - i + 1, last);
}

std::array<int64_t, Shape::kMaxRank> strides_of(const Shape& shape) {
  std::array<int64_t, Shape::kMaxRank> strides{};
  int64_t stride = 1;
  for (int64_t i = shape.rank() - 1; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = stride;
    stride *= shape[i];
  }
  return strides;
}

void strided_copy(const LoopNest& given, const float* from, float* to) {
  LoopNest loops = given;
  if (loops.outer_steps(0) == 0) return;
  bool transposed = false;
  if (loops.inner(0).a > 1 && loops.inner(0).b == 1) {
    for (int64_t i = 1; i < loops.rank() && !transposed; ++i) {
      if (loops.inner(i).a != 1) continue;
      loops.move_next_to_innermost(i);
      transposed = true;
    }
  }
  LoopAxis run = loops.inner(0);
  LoopAxis row = loops.inner(1);
  if (run.size >= 2 * kChunkElements && !transposed) {
    // A long run is cut by treating it as rows of its own.
    const int64_t whole = loops.outer_steps(1);
    const int64_t pieces = ceil_div(run.size, kChunkElements);
    parallel_for(whole * pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto at = loops.offsets(i / pieces, 1);
        const int64_t start = i % pieces * kChunkElements;
        copy_run(run, std::min(kChunkElements, run.size - start), from + at.a + start * run.a,
                 to + at.b + start * run.b);
      }
    });
    return;
  }
  // Groups of rows of the innermost matrix; a group is a multiple of the block of a transposition.
  const int64_t fit = std::max<int64_t>(kChunkElements / std::max<int64_t>(run.size, 1), 1);
  const int64_t group = std::min(row.size, ceil_div(fit, kBlock) * kBlock);
  const int64_t groups = ceil_div(row.size, group);
  const int64_t grain = std::max<int64_t>(kChunkElements / (group * run.size), 1);
  const auto copy = transposed ? transpose_rows : copy_rows;
  parallel_for(loops.outer_steps(2) * groups, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto at = loops.offsets(i / groups, 2);
      const int64_t start = i % groups * group;
      copy(row, run, start, std::min(start + group, row.size), from + at.a, to + at.b);
    }
  });
}

}  // namespace vitrine
