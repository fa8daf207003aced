#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "core/memory.hpp"
#include "core/tensor.hpp"
#include "models/training/group.hpp"
#include "models/training/shard_tree.hpp"
#include "models/training/slices.hpp"

namespace vitrine {

/// What the ranks of a group send each other in an update: the gradients of each slice to its
/// owner, who adds them up in the order of the shard tree, and the owner's new numbers to all. Each
/// number travels as often as in a ring all-reduce. Parameters are known by their number. Under a
/// DryRun nothing is sent.
///
///   for every parameter, as backward completes it: exchange.send_gradient(p, nodes);
///   gradients = exchange.take_gradients();    // of exchange.own(), which is updated
///   exchange.share(parameters);
class SliceExchange {
 public:
  /// What waiting for either is called in a profile.
  static constexpr std::string_view kGradients = "network: gradients",
                                    kWeights = "network: weights";

  using ValueOf = std::function<Tensor(size_t parameter)>;

  /// sizes   numbers of each parameter; 0 for those that take no part
  /// shards  at least as many as ranks
  SliceExchange(Group& group, std::span<const int64_t> sizes, int64_t shards);
  SliceExchange(const SliceExchange&) = delete;
  SliceExchange& operator=(const SliceExchange&) = delete;
  ~SliceExchange();

  /// The slices that this rank owns.
  const std::vector<Slice>& own() const { return own_; }

  /// nodes  sums of the parameter's gradient over this rank's shards, as nodes_of has them;
  ///        undefined where no gradient reached it. Its bucket leaves when it is full and not too
  ///        many others are under way.
  void send_gradient(size_t parameter, std::vector<Tensor> nodes);
  /// The sums over all shards of own() (numbers in a row); undefined where no gradient reached the
  /// parameter. Waits for what is still under way.
  std::vector<Tensor> take_gradients();
  /// The 2-norm of all ranks' gradients together, with the bits of grad_norm.
  double norm(std::span<const Tensor> own_gradients);
  /// Sends own slices of the parameters' values to all and writes theirs.
  void share(const ValueOf& value_of);
  /// All of something that is kept by slices: the first rank gets the parameter's, of `shape`, the
  /// others nothing. `part(i)` is that of own()[i].
  Tensor collect(size_t parameter, const Shape& shape, const std::function<Tensor(size_t)>& part);

 private:
  struct Bucket {
    size_t first = 0, end = 0;    // its slices
    std::vector<int64_t> floats;  // by owner
    std::vector<size_t> parameters;
    size_t missing = 0;  // parameters that backward has not completed
    int64_t exchange = -1;
    std::vector<Buffer> in;  // by rank, its nodes one behind the other; of the own rank too
  };

  std::span<const Slice> slices_in(const Bucket& b) const {
    return std::span(slices_).subspan(b.first, b.end - b.first);
  }
  void reset();
  void send(size_t bucket);
  void get_on(bool waiting);
  const float* node_of(const Slice& slice, size_t node);
  void pack_own(Bucket& b);
  void sum(Bucket& b);
  void wait(Bucket& b);

  Group& group_;
  std::vector<Slice> slices_, own_;
  std::vector<int64_t> sizes_;
  std::vector<Bucket> buckets_;
  std::vector<std::vector<ShardRange>> nodes_;  // by rank
  std::vector<TreeSum> sums_;                   // of all nodes
  std::vector<std::vector<Tensor>> sent_;       // by parameter: nodes of what has not left yet
  std::vector<size_t> wanted_;                  // by how many buckets
  Buffer zeros_;                                // sent where there is no gradient
  std::vector<bool> reached_;                   // by parameter
  // Buckets in the order in which backward fills them, the same on all ranks; how many of them have
  // been sent, and added up.
  std::vector<size_t> full_;
  size_t begun_ = 0, summed_ = 0;
  std::vector<Tensor> gradients_;  // of own_
};

}  // namespace vitrine
