#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/networks/network.hpp"
#include "models/training/distillation.hpp"

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
  int64_t accumulate = 1;          ///< micro batches per update
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
  Tensor value;
};

/// Trains a model step by step: gradients of one or more micro batches, then one update. Holds the
/// optimiser's state and the averaged weights; knows nothing of data, files or time.
///
///   Training training(model, options);
///   training.add_gradients(images, labels);
///   training.update(lr);
class Training {
 public:
  /// `model` must outlive this and keep its parameters where they are. Throws UsageError if a
  /// pattern of options.freeze fits no parameter, or nothing is left to train.
  Training(Network& model, const UpdateOptions& options);

  /// Forward and backward of one micro batch; adds its gradient, divided by the number of micro
  /// batches per update, to what is there.
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

  /// The optimiser's state and the average, named "optimizer/..." and "ema/...". The tensors are
  /// Training's own: whoever writes into them, and sets the number of updates, has it go on from
  /// there.
  std::vector<StateTensor> state() const;
  void set_steps(int64_t steps) { steps_ = steps; }

 private:
  struct Slot {
    std::string name;
    Parameter* parameter;
    bool trained;          // not a buffer, whose average alone is kept here
    bool decays;           // weight decay applies
    double lr_scale;       // of layer-wise decay
    Tensor first, second;  // AdamW: both moments; SGD: the momentum buffer
    Tensor average;
  };

  template <class Target>
  BatchResult add_gradients_of(const Tensor& images, const Target& target,
                               std::span<const int32_t> labels, const Tensor& teacher);

  Network& model_;
  UpdateOptions options_;
  int64_t steps_ = 0;
  int64_t micro_ = 0;  // micro batches since the last update
  std::vector<Slot> slots_;
};

}  // namespace vitrine
