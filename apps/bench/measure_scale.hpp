#pragma once

#include <cstdint>
#include <string>

#include "apps/bench/measure_time.hpp"
#include "apps/bench/scale_model.hpp"
#include "models/training/group.hpp"

namespace vitrine {

struct ScaleBench {
  std::string model = "vit_small_patch16_224";
  int64_t batch = 8;   ///< images of an update on each rank
  int64_t shards = 1;  ///< that each rank cuts them into
  double seconds = 2;
};

/// What updates take a rank, and the ranks that are here together.
struct ScaleMeasured {
  ScaleWork work;            ///< of the slowest rank in a turn, each training for itself
  ScaleLink link;            ///< between neighbours
  double alone = 0;          ///< images per second of all ranks, each for itself
  double together = 0;       ///< training one network
  ScaleTime time;            ///< of an update together, at the first rank
  int64_t peak_bytes = 0;    ///< that the first rank has held at most, before it trained for itself
  int64_t passes_bytes = 0;  ///< of them activations and what else forward and backward need
};

/// Measures it on random pictures with AdamW; what is compared takes turns. A power of two of
/// ranks, which call together; one has no link, and trains for itself only.
ScaleMeasured measure_scale(const ScaleBench& bench, Group& group, uint64_t seed);

}  // namespace vitrine
