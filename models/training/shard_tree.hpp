#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vitrine {

// The one order in which the gradients of a batch's shards are added. Shard 2k and shard 2k + 1 are
// added first, then pairs of pairs: a binary tree whose shape depends on the number of shards
// alone, so that the sum has the same bits whoever computes which part of it.

/// Shards [begin, end) of a batch.
struct ShardRange {
  int64_t begin = 0, end = 1;

  int64_t size() const { return end - begin; }
  bool operator==(const ShardRange&) const = default;
};

/// The shards of one of `ranks` ranks: neighbours, the first ranks one more where they do not go
/// into equal parts. Throws UsageError if there are not enough for all.
ShardRange shards_of(int rank, int ranks, int64_t shards);

/// Whether the two ranges are a node's children in the tree.
bool are_siblings(const ShardRange& left, const ShardRange& right);

/// How many sums follow once shard `shard` of `range` is there, the ones before having been added
/// as far as they go: 0 for a left child, which waits for its sibling.
int64_t sums_after(int64_t shard, const ShardRange& range);

/// The nodes that the shards of `range` add up to without those of others, in order: one if they
/// are a whole subtree.
std::vector<ShardRange> nodes_of(const ShardRange& range);

/// from is added to to: numbers in a list of nodes.
struct TreeSum {
  size_t to, from;
};

/// What is left to add once neighbouring `nodes` are there: in order, the last into number 0.
std::vector<TreeSum> sums_of(std::span<const ShardRange> nodes);

}  // namespace vitrine
