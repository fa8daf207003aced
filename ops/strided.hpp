#pragma once

#include <array>
#include <cstdint>

#include "core/shape.hpp"

namespace vitrine {

/// A loop over two arrays at once: along this axis, one step moves `a` floats in the first and `b`
/// floats in the second; 0 repeats.
struct LoopAxis {
  int64_t size = 1;
  int64_t a = 0;
  int64_t b = 0;
};

/// Nested loops over two arrays, outermost first. Axes of size 1 are dropped, and neighbours that
/// are one loop in both arrays are merged, so what is left is as long as can be.
class LoopNest {
 public:
  /// Adds an axis inside of those so far.
  void push(LoopAxis axis);

  int64_t rank() const { return rank_; }
  /// The i-th axis counted from the innermost; {1, 0, 0} beyond the outermost.
  LoopAxis inner(int64_t i) const {
    return i < rank_ ? axes_[static_cast<size_t>(rank_ - 1 - i)] : LoopAxis{};
  }
  /// Steps of all axes but the `inner` innermost.
  int64_t outer_steps(int64_t inner) const;
  /// Where the index-th of outer_steps(inner) begins in both arrays.
  struct Offsets {
    int64_t a = 0;
    int64_t b = 0;
  };
  Offsets offsets(int64_t index, int64_t inner) const;

  /// Makes inner(i), i >= 1, the second from inside. The order of the loops changes, what they
  /// visit does not.
  void move_next_to_innermost(int64_t i);

 private:
  std::array<LoopAxis, Shape::kMaxRank> axes_{};
  int64_t rank_ = 0;
};

/// Floats from one element to the next along each axis of a contiguous tensor.
std::array<int64_t, Shape::kMaxRank> strides_of(const Shape& shape);

/// to[b] = from[a] for every step of `loops`, in parallel. The steps must not visit an element of
/// `to` twice.
void strided_copy(const LoopNest& loops, const float* from, float* to);

}  // namespace vitrine
