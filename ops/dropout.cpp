#include "ops/dropout.hpp"

#include <fmt/format.h>

#include "core/ceil_div.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "core/random.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/dropout.hpp"

namespace vitrine {
namespace {

using kernels::DropoutMask;

// Some microseconds of Philox, and whole groups, so that every chunk begins with one.
constexpr int64_t kChunkElements = 1 << 13;
static_assert(kChunkElements % kernels::kDropoutGroup == 0);
constexpr int64_t kMaxElements = int64_t{1} << 34;  // 4 for each 32-bit block number
constexpr uint32_t kMaxPlace = 1U << 24;

void check_probability(std::string_view op, const Tensor& x, float p) {
  check(x.defined(), op, "x must be a tensor, got nothing");
  check_usage(p >= 0 && p <= 1, op, fmt::format("p must be in [0, 1], got {}", p));
}

float kept_scale(float p, bool scale_by_keep) { return scale_by_keep ? 1.0F / (1.0F - p) : 1.0F; }

DropoutMask mask_of(std::string_view op, float p, const RandomKey& key, float scale) {
  check_usage(key.place < kMaxPlace, op,
              fmt::format("place must be below 2^24, got {}", key.place));
  // The low byte keeps these streams apart from those of class Random.
  const uint32_t stream = key.place << 8 | static_cast<uint32_t>(RandomPlace::kDropout);
  return {key.seed, key.step, stream, p, scale};
}

/// y = x times the mask: the forward pass, and with dy for x the backward pass.
Tensor apply(const Tensor& x, const DropoutMask& mask) {
  Tensor y = Tensor::empty(x.shape());
  float* to = y.mutable_data();
  const kernels::Dropout& kernel = *kernels::active().dropout;
  parallel_for(x.numel(), kChunkElements, [&](int64_t begin, int64_t end) {
    kernel.apply(end - begin, begin, mask, x.data() + begin, to + begin);
  });
  return y;
}

/// y[b] = residual[b] + factors[b] x[b] for every sample; residual may be undefined.
Tensor scale_samples(const Tensor& x, const Tensor& factors, const Tensor& residual) {
  Tensor y = Tensor::empty(x.shape());
  const int64_t samples = x.dim(0);
  const int64_t width = samples == 0 ? 0 : x.numel() / samples;
  // Small samples go together; a large one is cut into pieces, since a batch may have fewer samples
  // than there are threads.
  const int64_t pieces = std::max<int64_t>(ceil_div(width, kChunkElements), 1);
  const int64_t grain =
      pieces > 1 ? 1 : std::max<int64_t>(kChunkElements / std::max<int64_t>(width, 1), 1);
  float* to = y.mutable_data();
  const kernels::Dropout& kernel = *kernels::active().dropout;
  parallel_for(samples * pieces, grain, [&](int64_t begin, int64_t end) {
    const int64_t sample = begin / pieces;
    const int64_t at = begin % pieces * kChunkElements;  // 0 if samples are whole
    const int64_t from = sample * width + at;
    kernel.scale_rows(end - begin, std::min(kChunkElements, width - at), factors.data() + sample,
                      x.data() + from, residual.defined() ? residual.data() + from : nullptr,
                      to + from);
  });
  return y;
}

/// x with each sample times its factor, on the tape.
Tensor apply_factors(const Tensor& x, const Tensor& factors) {
  Tensor y = scale_samples(x, factors, {});
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [factors](const Tensor& dy, Needs) {
      return std::vector{scale_samples(dy, factors, {})};
    });
  }
  return y;
}

/// One factor per sample (B): scale or 0.
Tensor draw_factors(int64_t samples, const DropoutMask& mask) {
  Tensor factors = Tensor::empty({samples});
  kernels::active().dropout->apply(samples, 0, mask, nullptr, factors.mutable_data());
  return factors;
}

}  // namespace

Tensor dropout(const Tensor& x, float p, const RandomKey& key) {
  const ProfileScope profile("dropout");
  check_probability("dropout", x, p);
  check(x.numel() < kMaxElements, "dropout", "x must have fewer than 2^34 elements");
  if (p == 0) return x;
  const DropoutMask mask = mask_of("dropout", p, key, kept_scale(p, true));
  Tensor y = apply(x, mask);
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [mask](const Tensor& dy, Needs) { return std::vector{apply(dy, mask)}; });
  }
  return y;
}

Tensor drop_path(const Tensor& x, float p, const RandomKey& key, bool scale_by_keep) {
  const ProfileScope profile("drop_path");
  check_probability("drop_path", x, p);
  check_rank_at_least("drop_path", "x", x, 1);
  if (p == 0) return x;
  const DropoutMask mask = mask_of("drop_path", p, key, kept_scale(p, scale_by_keep));
  return apply_factors(x, draw_factors(x.dim(0), mask));
}

Tensor drop_path_add(const Tensor& residual, const Tensor& branch, float p, const RandomKey& key) {
  const ProfileScope profile("drop_path_add");
  check_probability("drop_path_add", branch, p);
  check_rank_at_least("drop_path_add", "branch", branch, 1);
  check_shape("drop_path_add", "residual", residual, branch.shape(), "branch", branch.shape());
  const DropoutMask mask = mask_of("drop_path_add", p, key, kept_scale(p, true));
  const Tensor factors = draw_factors(branch.dim(0), mask);
  Tensor y = scale_samples(branch, factors, residual);
  if (Tape* tape = Tape::recording({&residual, &branch})) {
    tape->record({&residual, &branch}, y, [factors, p](const Tensor& dy, Needs needs) {
      if (!needs[1]) return std::vector{dy, Tensor()};
      return std::vector{dy, p == 0 ? dy : scale_samples(dy, factors, {})};
    });
  }
  return y;
}

Tensor apply_keep_mask(const Tensor& x, const Tensor& keep, float p) {
  const ProfileScope profile("apply_keep_mask");
  check_probability("apply_keep_mask", x, p);
  check_shape("apply_keep_mask", "keep", keep, x.shape(), "x", x.shape());
  const auto masked = [scale = kept_scale(p, true)](const Tensor& from, const Tensor& flags) {
    Tensor y = Tensor::empty(from.shape());
    float* to = y.mutable_data();
    parallel_for(from.numel(), kChunkElements, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        to[i] = flags.data()[i] != 0 ? from.data()[i] * scale : 0.0F;
      }
    });
    return y;
  };
  Tensor y = masked(x, keep);
  if (Tape* tape = Tape::recording({&x})) {
    tape->record({&x}, y, [keep = Saved(keep), masked](const Tensor& dy, Needs) {
      return std::vector{masked(dy, keep)};
    });
  }
  return y;
}

Tensor apply_sample_mask(const Tensor& x, const Tensor& keep, float p, bool scale_by_keep) {
  const ProfileScope profile("apply_sample_mask");
  check_probability("apply_sample_mask", x, p);
  check_rank_at_least("apply_sample_mask", "x", x, 1);
  check_shape("apply_sample_mask", "keep", keep, {x.dim(0)}, "x", x.shape());
  Tensor factors = Tensor::empty(keep.shape());
  float* to = factors.mutable_data();
  for (int64_t b = 0; b < keep.numel(); ++b) {
    to[b] = keep.data()[b] != 0 ? kept_scale(p, scale_by_keep) : 0.0F;
  }
  return apply_factors(x, factors);
}

}  // namespace vitrine
