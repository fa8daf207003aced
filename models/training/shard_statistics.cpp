#include "models/training/shard_statistics.hpp"

#include "core/dry_run.hpp"
#include "ops/binary.hpp"

namespace vitrine {

ShardStatistics::ShardStatistics(Network& network, Group& group, int64_t shards)
    : group_(group), shards_(shards), range_(shards_of(group.rank(), group.size(), shards)) {
  if (shards == 1) return;
  network.visit([&](const std::string&, Parameter& p, Role role) {
    if (role == Role::kBuffer) entries_.push_back({&p, {}, {}});
  });
}

void ShardStatistics::begin(bool first_of_update) {
  for (Entry& e : entries_) {
    if (first_of_update) {
      e.before = e.parameter->value.clone();
    } else {
      e.parameter->value = e.before.clone();
    }
  }
}

void ShardStatistics::end(int64_t shard) {
  for (Entry& e : entries_) {
    Tensor sum = e.parameter->value;
    for (int64_t i = sums_after(shard, range_); i > 0; --i) {
      sum = add(std::move(e.nodes.back()), sum);
      e.nodes.pop_back();
    }
    e.nodes.push_back(std::move(sum));
  }
}

/// Adds up the nodes of all ranks; they are few numbers, so that each does it for itself.
void ShardStatistics::sum_all() {
  std::vector<float> own;
  for (const Entry& e : entries_) {
    for (const Tensor& node : e.nodes) {
      own.insert(own.end(), node.values().begin(), node.values().end());
    }
  }
  const std::vector<float> all = gather_lists(group_, own);
  // By rank, in that by entry, in that by node.
  std::vector<ShardRange> ranges;
  std::vector<std::vector<Tensor>> nodes(entries_.size());
  const float* at = all.data();
  for (int rank = 0; rank < group_.size(); ++rank) {
    const std::vector<ShardRange> theirs = nodes_of(shards_of(rank, group_.size(), shards_));
    ranges.insert(ranges.end(), theirs.begin(), theirs.end());
    for (size_t i = 0; i < entries_.size(); ++i) {
      const Tensor& like = entries_[i].parameter->value;
      for (size_t node = 0; node < theirs.size(); ++node, at += like.numel()) {
        nodes[i].push_back(Tensor::from({at, static_cast<size_t>(like.numel())}, like.shape()));
      }
    }
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    for (const TreeSum& s : sums_of(ranges)) {
      nodes[i][s.to] = add(std::move(nodes[i][s.to]), nodes[i][s.from]);
    }
    entries_[i].nodes = {nodes[i].front()};
  }
}

void ShardStatistics::settle() {
  if (entries_.empty()) return;
  if (group_.size() > 1 && DryRun::current() == nullptr) sum_all();
  for (Entry& e : entries_) {
    e.parameter->value = mul(e.nodes.front(), 1.0F / static_cast<float>(shards_));
  }
  drop();
}

void ShardStatistics::drop() {
  for (Entry& e : entries_) {
    e.before = Tensor();
    e.nodes.clear();
  }
}

}  // namespace vitrine
