#include "ops/optimizers/ema.hpp"

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/ema.hpp"

namespace vitrine {
namespace {

constexpr int64_t kChunkElements = 1 << 14;  // 64 KiB of each array: some microseconds

}  // namespace

void ema_(Tensor& average, const Tensor& value, double decay) {
  const ProfileScope profile("ema");
  check(average.defined(), "ema", "average must be a tensor, got nothing");
  check_shape("ema", "value", value, average.shape(), "average", average.shape());
  // 1 - decay in double: in float it would be off by 1e-4 of itself for a decay of 0.9999.
  const auto gain = static_cast<float>(1 - decay);
  float* to = average.mutable_data();
  const kernels::Ema& kernel = *kernels::active().ema;
  parallel_for(average.numel(), kChunkElements, [&](int64_t begin, int64_t end) {
    kernel.update(end - begin, static_cast<float>(decay), gain, value.data() + begin, to + begin);
  });
}

}  // namespace vitrine
