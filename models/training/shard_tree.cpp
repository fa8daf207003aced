#include "models/training/shard_tree.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace vitrine {

ShardRange shards_of(int rank, int ranks, int64_t shards) {
  if (ranks > shards) {
    throw UsageError(
        fmt::format("{} ranks are more than the {} shards of a batch: take fewer "
                    "ranks, or for a new run more --shards",
                    ranks, shards));
  }
  const int64_t each = shards / ranks;
  const int64_t more = shards % ranks;
  const int64_t begin = rank * each + std::min<int64_t>(rank, more);
  return {begin, begin + each + (rank < more ? 1 : 0)};
}

bool are_siblings(const ShardRange& left, const ShardRange& right) {
  return left.end == right.begin && left.size() == right.size() &&
         left.begin % (2 * left.size()) == 0;
}

int64_t sums_after(int64_t shard, const ShardRange& range) {
  int64_t sums = 0;
  for (int64_t size = 1; (shard + 1) % (2 * size) == 0; size *= 2) {
    if (shard + 1 - 2 * size < range.begin) break;
    ++sums;
  }
  return sums;
}

std::vector<ShardRange> nodes_of(const ShardRange& range) {
  std::vector<ShardRange> nodes;
  for (int64_t shard = range.begin; shard < range.end; ++shard) {
    nodes.push_back({shard, shard + 1});
    for (int64_t i = sums_after(shard, range); i > 0; --i) {
      const ShardRange right = nodes.back();
      nodes.pop_back();
      nodes.back().end = right.end;
    }
  }
  return nodes;
}

std::vector<TreeSum> sums_of(std::span<const ShardRange> nodes) {
  struct Open {
    ShardRange range;
    size_t number;
  };
  std::vector<Open> open;
  std::vector<TreeSum> sums;
  for (size_t i = 0; i < nodes.size(); ++i) {
    open.push_back({nodes[i], i});
    while (open.size() > 1 && are_siblings(open[open.size() - 2].range, open.back().range)) {
      const Open right = open.back();
      open.pop_back();
      sums.push_back({open.back().number, right.number});
      open.back().range.end = right.range.end;
    }
  }
  VT_CHECK(open.size() == 1);
  return sums;
}

}  // namespace vitrine
