#pragma once

namespace vitrine {

/// What a step of an optimiser does beside its own formula, in the same pass over the memory.
struct UpdateExtras {
  double grad_scale = 1;  ///< multiplies every gradient first: see clip_scale
  double ema_decay = 0;   ///< of the parameters' moving averages, where they have one: see ema_
};

}  // namespace vitrine
