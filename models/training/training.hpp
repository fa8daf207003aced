#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/networks/network.hpp"
#include "models/training/distillation.hpp"
#include "models/training/group.hpp"
#include "models/training/shard_statistics.hpp"
#include "models/training/shard_tree.hpp"
#include "models/training/slice_exchange.hpp"
#include "ops/optimizers/update_extras.hpp"

namespace vitrine {

enum class OptimizerKind { kSgd, kAdamW };

/// What training minimises.
enum class LossKind {
  kSoftmax,  ///< cross_entropy
  kBce,      ///< binary_cross_entropy_with_logits, the mean over the classes
  kBceSum,   ///< the same, their sum
};

/// How parameters are updated. Defaults are those of ViT training with AdamW.
struct UpdateOptions {
  OptimizerKind optimizer = OptimizerKind::kAdamW;
  double weight_decay = 0.05;
  bool decay_all = false;  ///< also biases, norms, tokens and the position embedding
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;  // AdamW
  double momentum = 0.9;                          // SGD
  bool nesterov = false;
  double clip_norm = 0;    ///< largest norm of all gradients together; 0 for no clipping
  double layer_decay = 1;  ///< factor of the learning rate from a layer to the one before it
  std::vector<std::string>
      freeze;               ///< patterns (*, ?) of names of parameters that stay as they are
  double ema = 0;           ///< decay of the averaged weights and running statistics; 0 for none
  bool ema_warmup = false;  ///< a smaller decay at first: see ema_decay_at
  LossKind loss = LossKind::kSoftmax;
  double label_smoothing = 0;
  Distillation distillation;
  int64_t accumulate = 1;  ///< micro batches per update
  /// Parts that each micro batch is cut into, a power of two: what batch norm sees together, and
  /// the leaves of the tree in which gradients are added (shard_tree.hpp).
  int64_t shards = 1;
  bool checkpoint_blocks = false;  ///< less memory, more time, the same bits: see checkpointed()
  uint64_t seed = 0;               ///< of dropout and drop path
};

/// What one batch gave.
struct BatchResult {
  double loss = 0;      ///< mean over the batch, with label smoothing and distillation
  int64_t correct = 0;  ///< images whose highest logit is that of the label
  int64_t images = 0;
};

/// What layer-wise decay multiplies a parameter's learning rate by: decay^(layers from the head).
/// Source: Clark et al. 2020, arXiv 2003.10555 (ELECTRA); numbered as in BEiT and MAE.
double layer_scale_of(const Network& network, std::string_view parameter, double decay);

/// Decay of the average at update `step`, counted from 1: options.ema; with warm-up at most
/// 1 - step^(-2/3), which forgets the initial weights at once.
/// Source: timm's ModelEmaV3.
double ema_decay_at(const UpdateOptions& options, int64_t step);

/// A tensor of a training's state.
struct StateTensor {
  std::string name;
  Shape shape;
};

/// Trains a model step by step: gradients of one or more parts of a batch, then one update. Holds
/// the optimiser's state and the averaged weights; knows nothing of data, files or time. In a group
/// of ranks each computes the gradients of some shards, keeps the state of a slice of every
/// parameter and updates it; weights are the same bits on all of them, and those of a rank alone.
///
///   Training training(model, options);
///   training.add_gradients(images, labels);
///   training.update(lr);
class Training {
 public:
  /// `model` and `group` must outlive this, and the model keep its parameters where they are.
  /// Throws UsageError if a pattern of options.freeze fits no parameter, or nothing is left to
  /// train, or there are more ranks than shards.
  Training(Network& model, const UpdateOptions& options, Group& group = alone());
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  /// The shards whose gradients this rank computes.
  const ShardRange& shards() const { return range_; }
  /// Parts of an update on this rank: its shards of each micro batch.
  int64_t parts() const { return range_.size() * options_.accumulate; }
  /// The part that comes next, as a number that no other part of the training has: what random
  /// numbers follow beside the seed. Of one shard: the number of the micro batch.
  uint64_t part_number() const;

  /// Forward and backward of the next part: shard by shard, and within a shard micro batch by micro
  /// batch. Adds its gradient, its share of the mean over all parts of the update.
  ///   images  (B, H, W, C)
  ///   labels  (B)
  ///   teacher (B, classes), logits of these images; exactly if there is a distillation. A network
  ///           with a distillation token learns them with the head of that token and the labels
  ///           with the other (DeiT), any other network both with its one head (Hinton et al.)
  BatchResult add_gradients(const Tensor& images, std::span<const int32_t> labels,
                            const Tensor& teacher = {});
  /// The same with a distribution over the classes per image (mixup, cutmix): targets (B, classes).
  /// An image counts as correct where logits and target are highest in the same class.
  BatchResult add_gradients(const Tensor& images, const Tensor& targets,
                            const Tensor& teacher = {});

  /// Clips, updates every parameter, then the average. Returns the norm of the gradient before
  /// clipping. Parameters that no gradient reached stay as they are.
  double update(double lr);

  /// Bytes that updates with batches of `images` (B, H, W, C), and evaluations in between, will
  /// take beyond what is there now: found in a rehearsal (DryRun), which computes and changes
  /// nothing. `mixed`: batches are mixed first, images and targets, which takes tensors of its own.
  /// `evaluated`: images of an evaluation, whose last batch may be a small one; 0 for none.
  /// `teacher`: from images to logits; none if it is empty. What waits in the pool is given back
  /// first.
  int64_t rehearse(const Shape& images, bool mixed, int64_t evaluated,
                   const std::function<Tensor(const Tensor&)>& teacher = {});

  /// Updates done so far.
  int64_t steps() const { return steps_; }

  bool has_average() const { return options_.ema > 0; }
  /// Exchanges the weights with their average; again to go back. Throws if there is none.
  void swap_average();

  /// The optimiser's state and the average, named "optimizer/..." and "ema/...".
  std::vector<StateTensor> state() const;
  /// Number i of state(): for the first rank, the others get nothing. All ranks ask together.
  Tensor state_tensor(size_t i);
  /// Has number i of state() go on from `whole`, on each rank.
  void set_state_tensor(size_t i, std::span<const float> whole);
  void set_steps(int64_t steps) { steps_ = steps; }

 private:
  struct Slot {
    std::string name;
    Parameter* parameter;
    bool trained;               // not a buffer, whose average alone is kept here
    bool decays;                // weight decay applies
    double lr_scale;            // of layer-wise decay
    std::vector<Tensor> lower;  // gradients of nodes that are not parameter->grad's, in order
  };
  // What this rank keeps of a slot and updates: all of it, or slices.
  struct Part {
    size_t slot;
    int64_t begin, end;
    bool whole;
    Tensor first, second, average;  // AdamW: both moments; SGD: the momentum buffer
  };
  struct StateKind {
    std::string prefix;
    Tensor Part::* member;
  };

  template <class Target>
  BatchResult add_gradients_of(const Tensor& images, const Target& target,
                               std::span<const int32_t> labels, const Tensor& teacher);
  int64_t shard() const { return range_.begin + part_ / options_.accumulate; }
  bool last_of_shard() const { return (part_ + 1) % options_.accumulate == 0; }
  void keep_parts();
  void add_gradient(size_t slot, const Tensor& gradient);
  double take_gradients(std::vector<Tensor>& gradients);
  Tensor view(const Part& part, const Tensor& whole) const;
  void apply(std::span<const Tensor> gradients, double lr, const UpdateExtras& extras);
  void share_weights();
  void rehearse_update(const Tensor& batch, const Tensor& targets,
                       const std::function<Tensor(const Tensor&)>& teacher);
  std::vector<StateKind> state_kinds() const;
  std::pair<size_t, Tensor Part::*> find_state(size_t i) const;

  Network& model_;
  UpdateOptions options_;
  Group& group_;
  ShardRange range_;
  int64_t steps_ = 0;
  int64_t part_ = 0;  // parts since the last update
  std::vector<Slot> slots_;
  std::vector<Part> parts_;
  ShardStatistics statistics_;
  std::unique_ptr<SliceExchange> exchange_;  // with others, if there are any
};

}  // namespace vitrine
