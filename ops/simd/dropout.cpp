// Dropout and drop path. The mask is computed where it is used: Philox costs some 5 instructions
// per element, less than storing a mask and loading it again in backward.

#include "ops/kernels/dropout.hpp"

#include "ops/simd/philox.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

constexpr int64_t kBlocks = kDropoutGroup / 4;  // Philox blocks of a group

/// 0, 1, 2, ... in the lanes.
VecU lane_numbers() {
  alignas(64) uint32_t lane[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) lane[i] = static_cast<uint32_t>(i);
  return VecU::load_aligned(lane);
}

/// y = keep ? x scale : 0 for one vector.
template <class Part>
void keep_or_drop(Part part, VecU word, const DropoutMask& mask, const float* x, float* y) {
  const Vec value = x == nullptr ? splat(mask.scale) : part.load(x) * splat(mask.scale);
  part.store(y, select(unit_float(word) >= splat(mask.p), value, splat(0.0F)));
}

void apply(int64_t n, int64_t first, const DropoutMask& mask, const float* x, float* y) {
  const VecU lanes = lane_numbers();
  for (int64_t group = 0; group < n; group += kDropoutGroup) {
    const auto block = static_cast<uint32_t>((first + group) / 4);
    for (int64_t b = 0; b < kBlocks; b += kLanes) {
      const PhiloxWords words = philox(
          {{VecU(block + static_cast<uint32_t>(b)) + lanes, VecU(mask.stream),
            VecU(static_cast<uint32_t>(mask.step)), VecU(static_cast<uint32_t>(mask.step >> 32))}},
          mask.seed);
      for (int64_t w = 0; w < 4; ++w) {
        const int64_t i = group + w * kBlocks + b;
        if (i >= n) break;
        const float* from = x == nullptr ? nullptr : x + i;
        if (i + kLanes <= n) {
          keep_or_drop(Whole{}, words.word[w], mask, from, y + i);
        } else {
          keep_or_drop(Tail{n - i}, words.word[w], mask, from, y + i);
        }
      }
    }
  }
}

void scale_rows(int64_t rows, int64_t width, const float* factor, const float* x,
                const float* residual, float* y) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    const Vec f = splat(factor[r]);
    const bool drop = factor[r] == 0.0F;
    for_each_vector(width, [&](int64_t i, auto part) {
      const Vec base = residual == nullptr ? splat(0.0F) : part.load(residual + i);
      part.store(y + i, drop ? base : fma(f, part.load(x + i), base));
    });
    if (residual != nullptr) residual += width;
  }
}

}  // namespace

extern const Dropout dropout;
const Dropout dropout{apply, scale_rows};

}  // namespace vitrine::kernels::VT_ISA
