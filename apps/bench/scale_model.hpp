#pragma once

#include <cstdint>

namespace vitrine {

/// What training costs a rank that is alone.
struct ScaleWork {
  double image_seconds = 0;   ///< forward and backward of one image
  double update_seconds = 0;  ///< of all parameters
  double copy_seconds = 0;    ///< of memory: to add up what comes
  int64_t parameters = 0;
  int64_t shards = 1;  ///< of a batch on each rank; gradients travel during the last one's backward
};

/// What carries the messages: full duplex between any two ranks at a time, without contention
/// inside the switch.
struct ScaleLink {
  double gbits = 10;         ///< of each node, 10^9 bits per second
  double latency = 50e-6;    ///< seconds
  double message = 10e-6;    ///< seconds of a processor and of the link for each message
  double carry = 0.5e-9;     ///< seconds that computing loses by a byte sent and one received
  int64_t ranks_a_node = 1;  ///< which share the node's link
};

/// Where the time of an update goes, in seconds.
struct ScaleTime {
  double compute = 0;    ///< forward and backward, and what messages take from them
  double update = 0;     ///< of a rank's slice
  double travel = 0;     ///< of the gradients, hidden behind backward or not
  double gradients = 0;  ///< that backward does not hide
  double weights = 0;
  double gathers = 0;  ///< norm, losses, whether to stop

  double network() const { return gradients + weights + gathers; }
  double total() const { return compute + update + network(); }
};

/// Foretells an update of `batch` images on each of `ranks`. After LogGP (Alexandrov et al. 1995,
/// SPAA): a message costs `latency`, `message` at both ends and its bytes; of each parameter
/// (ranks - 1) / ranks travel out and in as gradients, hidden behind the last shard's backward from
/// the first full bucket on and but for the last one, and again as weights, which nothing hides.
ScaleTime scale_time(const ScaleWork& work, const ScaleLink& link, int64_t ranks, int64_t batch);

/// Images per second of all ranks over `ranks` times those of one.
double scale_efficiency(const ScaleWork& work, const ScaleLink& link, int64_t ranks, int64_t batch);

/// The least batch on each rank that keeps this efficiency; 0 if none of up to 2^20 does.
int64_t scale_batch(const ScaleWork& work, const ScaleLink& link, int64_t ranks, double efficiency);

}  // namespace vitrine
