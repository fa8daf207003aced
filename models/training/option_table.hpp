#pragma once

#include "core/text/option_entry.hpp"
#include "models/data/preprocess.hpp"
#include "models/networks/position_resampling.hpp"
#include "models/training/default_network.hpp"
#include "models/training/run.hpp"

// The one table of the options of training (core/text/option_entry.hpp), section by section of
// help. Options is RunOptions, or that which is const. Those of augmentation are an object of their
// own in files: models/data/augment_table.hpp.

namespace vitrine {

inline constexpr EnumNames<OptimizerKind, 2> kOptimizers = {
    {{OptimizerKind::kAdamW, "adamw"}, {OptimizerKind::kSgd, "sgd"}}};
inline constexpr EnumNames<BadPictures, 2> kBadPictures = {
    {{BadPictures::kFail, "fail"}, {BadPictures::kSkip, "skip"}}};
inline constexpr EnumNames<LossKind, 3> kLosses = {
    {{LossKind::kSoftmax, "softmax"}, {LossKind::kBce, "bce"}, {LossKind::kBceSum, "bce-sum"}}};
inline constexpr EnumNames<DistillationKind, 3> kDistillations = {
    {{DistillationKind::kNone, "none"},
     {DistillationKind::kSoft, "soft"},
     {DistillationKind::kHard, "hard"}}};
inline constexpr EnumNames<WeightInit, 2> kWeightInits = {
    {{WeightInit::kTimm, "timm"}, {WeightInit::kJax, "jax"}}};
inline constexpr EnumNames<MixMode, 3> kMixModes = {
    {{MixMode::kBatch, "batch"}, {MixMode::kPair, "pair"}, {MixMode::kElem, "elem"}}};
inline constexpr EnumNames<Decay, 4> kDecays = {{{Decay::kConstant, "constant"},
                                                 {Decay::kLinear, "linear"},
                                                 {Decay::kCosine, "cosine"},
                                                 {Decay::kStep, "step"}}};

inline constexpr Values kShare = at_least(0).below(1);

template <class Options, class F>
void each_data_option(Options& o, F&& f) {
  f({"data", "pictures", like(kDatasetNames), Listed::kInHelp}, o.data);
  f({"validation",
     "part of the training data that chooses the best weights, at least one picture of a class, or "
     "none where they are too few; 0 for none: the last weights are kept",
     kShare, Listed::kInHelp},
    o.validation);
  f({"bad_pictures", "files that cannot be read; skip tries all before the run begins"},
    o.bad_pictures, kBadPictures);
  f({"exif",
     "do not turn pictures upright by their EXIF orientation; with --init they are seen as its "
     "weights learned them",
     {},
     Listed::kInHelpAll,
     "--no-exif"},
    o.exif);
  f({"repeats", "repeated augmentation: views of a picture in an epoch",
     between(1, static_cast<double>(kMaxRepeats))},
    o.repeats);
  f({"seed", "of everything random", {}, Listed::kAsCommon}, o.seed);
}

template <class Options, class F>
void each_model_option(Options& o, F&& f) {
  f({"model", "name or JSON file of a model; without this and --init", like(kDefaultNetworkRule),
     Listed::kInHelp},
    o.model);
  f({"init",
     "start from these weights, whatever eval --model takes: the head is kept where the classes "
     "have the same names, else a new one",
     {},
     Listed::kInHelp},
    o.init);
  f({"init_weights",
     "which epoch's, where --init is a run's folder",
     {},
     Listed::kInHelpAll,
     "--weights"},
    o.init_weights, kRunWeights);
  Values sides = between(0, static_cast<double>(kMaxInputSide));
  sides.zero = "the model's";
  f({"image_size", "pixels along a side; 0 for the model's", sides, Listed::kInHelp}, o.image_size);
  f({"position_resampling", "of --init at another size", like(kPositionResamplingNames)},
    o.resampling);
  f({"position", "embedding of positions, else the model's",
     like("none, learned, learned_2d, relative, sincos_moco or sincos_mae")},
    o.position);
  f({"position_at", "where it is added, else where the model does",
     like("start, every (block, a table for each) or shared (one for all)")},
    o.position_at);
  f({"pool", "what the head sees, else as the model does",
     like("token, or avg (mean of the patches, no class token)")},
    o.pool);
  f({"weight_init", "whose initial weights"}, o.weight_init, kWeightInits);
  f({"head_bias", "initial bias of every class", between(-100, 100)}, o.head_bias);
  f({"drop_path", "stochastic depth of the last block", kShare}, o.drop_path);
  f({"dropout", "after position embedding, attention and both MLP layers", kShare}, o.dropout);
}

template <class Options, class F>
void each_schedule_option(Options& o, F&& f) {
  const RangeEnd lr = {"lr", o.lr};
  f({"epochs", "times through the data", between(1, 1'000'000), Listed::kInHelp}, o.epochs);
  f({"batch", "images per step", between(1, 1'000'000), Listed::kInHelp}, o.batch);
  f({"lr", "highest learning rate", above(0).below(1000), Listed::kInHelp}, o.lr);
  f({"min_lr", "learning rate at the end", between(0, lr)}, o.min_lr);
  f({"warmup_epochs", "epochs of linear warm-up",
     between(0, {"epochs", static_cast<double>(o.epochs)})},
    o.warmup_epochs);
  f({"warmup_lr", "learning rate that the warm-up begins with", between(0, lr)}, o.warmup_lr);
  f({"schedule", "how the learning rate falls after the warm-up"}, o.schedule, kDecays);
  f({"decay_epochs", "of the step schedule: epochs from a fall to the next", above(0)},
    o.decay_epochs);
  f({"decay_rate", "of the step schedule: factor of a fall", above(0).at_most(1)}, o.decay_rate);
}

template <class Options, class F>
void each_update_option(Options& o, F&& f) {
  f({"optimizer", "how weights are updated"}, o.optimizer, kOptimizers);
  f({"weight_decay", "of matrices", at_least(0), Listed::kInHelp}, o.weight_decay);
  f({"decay_all", "also of biases, norms, tokens and position embedding"}, o.decay_all);
  f({"beta1", "of AdamW: decay of the mean gradient", kShare}, o.beta1);
  f({"beta2", "of AdamW: decay of the mean square", kShare}, o.beta2);
  f({"eps", "of AdamW: added to the root of the mean square", above(0)}, o.eps);
  f({"momentum", "of SGD", kShare}, o.momentum);
  f({"nesterov", "of SGD: look ahead"}, o.nesterov);
  f({"clip_norm", "largest norm of the gradient; 0 for no clipping", at_least(0)}, o.clip_norm);
  f({"ema", "decay of the averaged weights; 0 for none", kShare}, o.ema);
  f({"ema_warmup", "smaller decay of these at first"}, o.ema_warmup);
  f({"layer_decay", "factor of the learning rate from a layer to the one before",
     above(0).at_most(1)},
    o.layer_decay);
  f({"freeze", "patterns (*, ?) of parameters that stay as they are"}, o.freeze);
  f({"accumulate", "batches per update", between(1, 1'000'000)}, o.accumulate);
  f({"shards",
     "equal parts that each batch is computed in, a power of two; batch norm sees one part at a "
     "time. Under mpirun 8 where it is not given: so many ranks can share the work, and any number "
     "of them gives the same result",
     between(1, 1'048'576)},
    o.shards);
  f({"checkpoint_blocks",
     "run each block again for its gradients instead of keeping its activations: much less memory, "
     "a third more time, the same result"},
    o.checkpoint_blocks);
}

template <class Options, class F>
void each_loss_option(Options& o, F&& f) {
  f({"loss", "of all classes together or, per class, bce (mean over classes) or bce-sum"},
    o.update.loss, kLosses);
  f({"label_smoothing", "part of the target that all classes share", kShare},
    o.update.label_smoothing);
  f({"teacher",
     "learn from this model too: whatever eval --model takes, with the same classes; from several, "
     "the mean of their probabilities"},
    o.teacher);
  auto& distillation = o.update.distillation;
  f({"distillation",
     "of --teacher: soft (its probabilities) or hard (its answers); by the head of the "
     "distillation token, where the model has one"},
    distillation.kind, kDistillations);
  f({"distillation_alpha", "the teacher's share of the loss", between(0, 1)}, distillation.alpha);
  // Beyond, every probability is the same in float32, or one of them is 1.
  f({"distillation_tau", "temperature of soft distillation", between(0.001, 1000)},
    distillation.tau);
}

template <class Options, class F>
void each_mix_option(Options& o, F&& f) {
  Values alpha = between(0.001, 1000);
  alpha.or_zero = true;
  f({"mixup", "alpha of mixup; 0 for none", alpha, Listed::kInHelp}, o.mixup);
  f({"cutmix", "alpha of cutmix; 0 for none", alpha}, o.cutmix);
  f({"mix_probability", "of either", between(0, 1)}, o.probability);
  f({"cutmix_probability", "of cutmix, where both are on", between(0, 1)}, o.cutmix_probability);
  f({"mix_mode", "whether a batch, a pair or an element shares what is drawn"}, o.mode, kMixModes);
  f({"mix_off_epoch", "no mixing after so many epochs; 0: until the end", at_least(0)},
    o.off_epoch);
}

template <class Options, class F>
void each_run_option(Options& o, F&& f) {
  each_data_option(o, in_section("Data", f));
  each_model_option(o, in_section("Model", f));
  each_schedule_option(o, in_section("Schedule", f));
  each_update_option(o.update, in_section("Optimizer", f));
  each_loss_option(o, in_section("Loss", f));
  each_mix_option(o.mix, in_section("Mixing", f));
}

}  // namespace vitrine
