#pragma once

#include <cstdint>
#include <vector>

#include "models/networks/network.hpp"
#include "models/training/group.hpp"
#include "models/training/shard_tree.hpp"

namespace vitrine {

/// Running statistics (batch norm's) in an update of several shards: each shard goes on from those
/// before the update, and afterwards they are the mean of what the shards have made of them, added
/// in the order of the shard tree. With a single shard they move as they do without this.
class ShardStatistics {
 public:
  ShardStatistics(Network& network, Group& group, int64_t shards);

  /// Before the passes of a shard.
  void begin(bool first_of_update);
  /// After them.
  void end(int64_t shard);
  /// After the last shard of all ranks, which do this together. Under a DryRun nothing is sent.
  void settle();
  /// Forgets an update that is under way.
  void drop();

 private:
  struct Entry {
    Parameter* parameter;
    Tensor before;              // the update
    std::vector<Tensor> nodes;  // sums over shards
  };
  void sum_all();

  Group& group_;
  int64_t shards_;
  ShardRange range_;
  std::vector<Entry> entries_;
};

}  // namespace vitrine
