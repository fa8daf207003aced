#pragma once

// What happens to a tile of C after its sums are known: the epilogue of every matrix product, in
// f32 whatever its operands were.

#include "ops/kernels/gemm.hpp"
#include "ops/simd/activation.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::simd {
namespace {

/// The part of C that is being finished.
struct Part {
  int64_t rows, columns;
  bool sums;  // neither what C holds nor the bias has been added yet
  bool add;   // C holds something that the sums are added to
  bool last;  // the epilogue's turn
};

/// What the micro-kernel left to be done with a tile: v = alpha sum (+ C) (+ bias) if it holds
/// sums, and after the last block of K the rest of the epilogue, whose pointers begin where c does.
/// `sum` may be c. Column by column, so that bias and scale stay in registers. Every addition is an
/// explicit fma or stands alone: what the compiler would contract could differ between whole
/// vectors and tails, and so between cuts of C.
template <Activation kActivation, bool kBackward>
void finish(const GemmEpilogue& e, const Part& part_of_c, const float* sum, int64_t sum_pitch,
            float* c, int64_t c_pitch) {
  const bool last = part_of_c.last;
  const bool add = part_of_c.sums && part_of_c.add;
  const float* bias_row = part_of_c.sums && last ? e.bias : nullptr;
  const float* residual = last ? e.residual : nullptr;
  float* argument = last ? e.preactivation_out : nullptr;
  const bool scales = last && e.scale != nullptr;
  const Vec alpha = splat(e.alpha);
  for_each_vector(part_of_c.columns, [&](int64_t j, auto part) {
    const Vec bias = bias_row != nullptr ? part.load(bias_row + j) : splat(0.0F);
    const Vec scale = scales ? part.load(e.scale + j) : splat(1.0F);
    for (int64_t r = 0; r < part_of_c.rows; ++r) {
      float* to = c + r * c_pitch + j;
      Vec v = part.load(sum + r * sum_pitch + j);
      if (part_of_c.sums) v = fma(v, alpha, add ? part.load(to) : splat(0.0F)) + bias;
      if (last) {
        if (argument != nullptr) part.store(argument + r * e.preactivation_out_pitch + j, v);
        if constexpr (kBackward) {
          // Both at once: they have nearly everything in common.
          const Vec x = part.load(e.preactivation_in + r * e.preactivation_in_pitch + j);
          const Vec y = activate(kActivation, x);
          v = v * activation_derivative(kActivation, x);
          if (e.activated_out != nullptr)
            part.store(e.activated_out + r * e.preactivation_in_pitch + j, y);
        } else {
          v = activate(kActivation, v);
        }
        if (residual != nullptr) {
          v = fma(v, scale, part.load(residual + r * e.residual_pitch + j));
        } else if (scales) {
          v = v * scale;
        }
        if (e.relu) v = relu(v);
      }
      part.store(to, v);
    }
  });
}

/// finish of a C that lacks the activation alone, with preactivation_out, or with preactivation_in
/// and activated_out, as in an MLP: what `finish` asks for every vector takes a third of the time
/// of a GELU. Where the matrix that is written is null, C takes what belongs there and is
/// overwritten at once.
template <Activation kActivation, bool kBackward>
void finish_activation(const GemmEpilogue& e, const Part& part_of_c, const float*, int64_t,
                       float* c, int64_t c_pitch) {
  float* const kept = kBackward ? e.activated_out : e.preactivation_out;
  const int64_t kept_pitch = kBackward ? e.preactivation_in_pitch : e.preactivation_out_pitch;
  float* keep = kept != nullptr ? kept : c;
  const int64_t keep_pitch = kept != nullptr ? kept_pitch : c_pitch;
  const float* in = e.preactivation_in;
  for (int64_t r = 0; r < part_of_c.rows; ++r, c += c_pitch, keep += keep_pitch) {
    for_each_vector(part_of_c.columns, [&](int64_t j, auto part) {
      const Vec v = part.load(c + j);
      if constexpr (kBackward) {
        const Vec x = part.load(in + j);
        part.store(keep + j, activate(kActivation, x));
        part.store(c + j, v * activation_derivative(kActivation, x));
      } else {
        part.store(keep + j, v);
        part.store(c + j, activate(kActivation, v));
      }
    });
    if constexpr (kBackward) in += e.preactivation_in_pitch;
  }
}

using Finish = void (*)(const GemmEpilogue&, const Part&, const float*, int64_t, float*, int64_t);

template <Activation kActivation>
Finish finish_for(bool backward, bool alone) {
  if (alone) {
    return backward ? finish_activation<kActivation, true> : finish_activation<kActivation, false>;
  }
  return backward ? finish<kActivation, true> : finish<kActivation, false>;
}

Finish finish_for(Activation activation, bool backward, bool alone) {
  switch (activation) {
    case Activation::kNone:
      return finish_for<Activation::kNone>(backward, alone);
    case Activation::kRelu:
      return finish_for<Activation::kRelu>(backward, alone);
    case Activation::kGelu:
      return finish_for<Activation::kGelu>(backward, alone);
    case Activation::kGeluTanh:
      return finish_for<Activation::kGeluTanh>(backward, alone);
    case Activation::kQuickGelu:
      return finish_for<Activation::kQuickGelu>(backward, alone);
    case Activation::kSilu:
      return finish_for<Activation::kSilu>(backward, alone);
    case Activation::kTanh:
      return finish_for<Activation::kTanh>(backward, alone);
    case Activation::kSigmoid:
      return finish_for<Activation::kSigmoid>(backward, alone);
  }
  return finish_for<Activation::kNone>(backward, alone);
}

/// The lines that rows of a matrix lie in come into L1; the matrix may be null. Inlined, since g++
/// 12 leaves out calls of a function that does nothing but fetch.
template <bool kWrite>
[[gnu::always_inline]] inline void fetch(const float* matrix, int64_t pitch, int64_t begin,
                                         int64_t end, int64_t columns) {
  if (matrix == nullptr) return;
  for (int64_t r = begin; r < end; ++r) {
    const float* row = matrix + r * pitch;
    for (int64_t j = 0; j < columns; j += kLineFloats) __builtin_prefetch(row + j, kWrite);
  }
}

}  // namespace
}  // namespace vitrine::simd
