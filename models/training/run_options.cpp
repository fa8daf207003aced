#include <fmt/format.h>

#include <cmath>

#include "core/error.hpp"
#include "core/text/enum_names.hpp"
#include "core/text/json_options.hpp"
#include "core/text/json_text.hpp"
#include "models/training/run.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr EnumNames<OptimizerKind, 2> kOptimizers = {
    {{OptimizerKind::kAdamW, "adamw"}, {OptimizerKind::kSgd, "sgd"}}};
constexpr EnumNames<BadPictures, 2> kBadPictures = {
    {{BadPictures::kFail, "fail"}, {BadPictures::kSkip, "skip"}}};
constexpr EnumNames<LossKind, 3> kLosses = {
    {{LossKind::kSoftmax, "softmax"}, {LossKind::kBce, "bce"}, {LossKind::kBceSum, "bce-sum"}}};
constexpr EnumNames<DistillationKind, 3> kDistillations = {{{DistillationKind::kNone, "none"},
                                                            {DistillationKind::kSoft, "soft"},
                                                            {DistillationKind::kHard, "hard"}}};
constexpr EnumNames<WeightInit, 2> kWeightInits = {
    {{WeightInit::kTimm, "timm"}, {WeightInit::kJax, "jax"}}};
constexpr EnumNames<MixMode, 3> kMixModes = {
    {{MixMode::kBatch, "batch"}, {MixMode::kPair, "pair"}, {MixMode::kElem, "elem"}}};

constexpr EnumNames<Decay, 4> kDecays = {{{Decay::kConstant, "constant"},
                                          {Decay::kLinear, "linear"},
                                          {Decay::kCosine, "cosine"},
                                          {Decay::kStep, "step"}}};

/// The one list of options that writing and reading share.
template <class Options, class F>
void each_option(Options& o, F&& f) {
  f("data", o.data);
  f("model", o.model);
  f("init", o.init);
  f("init_weights", o.init_weights, kRunWeights);
  f("image_size", o.image_size);
  f("position_resampling", o.resampling);
  f("epochs", o.epochs);
  f("batch", o.batch);
  f("lr", o.lr);
  f("min_lr", o.min_lr);
  f("warmup_lr", o.warmup_lr);
  f("warmup_epochs", o.warmup_epochs);
  f("schedule", o.schedule, kDecays);
  f("decay_epochs", o.decay_epochs);
  f("decay_rate", o.decay_rate);
  f("optimizer", o.update.optimizer, kOptimizers);
  f("weight_decay", o.update.weight_decay);
  f("decay_all", o.update.decay_all);
  f("beta1", o.update.beta1);
  f("beta2", o.update.beta2);
  f("eps", o.update.eps);
  f("momentum", o.update.momentum);
  f("nesterov", o.update.nesterov);
  f("clip_norm", o.update.clip_norm);
  f("ema", o.update.ema);
  f("ema_warmup", o.update.ema_warmup);
  f("layer_decay", o.update.layer_decay);
  f("freeze", o.update.freeze);
  f("loss", o.update.loss, kLosses);
  f("label_smoothing", o.update.label_smoothing);
  f("teacher", o.teacher);
  f("distillation", o.update.distillation.kind, kDistillations);
  f("distillation_alpha", o.update.distillation.alpha);
  f("distillation_tau", o.update.distillation.tau);
  f("accumulate", o.update.accumulate);
  f("checkpoint_blocks", o.update.checkpoint_blocks);
  f("mixup", o.mix.mixup);
  f("cutmix", o.mix.cutmix);
  f("mix_probability", o.mix.probability);
  f("cutmix_probability", o.mix.cutmix_probability);
  f("mix_mode", o.mix.mode, kMixModes);
  f("mix_off_epoch", o.mix.off_epoch);
  f("repeats", o.repeats);
  f("bad_pictures", o.bad_pictures, kBadPictures);
  f("exif", o.exif);
  f("validation", o.validation);
  f("seed", o.seed);
  f("position", o.position);
  f("position_at", o.position_at);
  f("pool", o.pool);
  f("weight_init", o.weight_init, kWeightInits);
  f("head_bias", o.head_bias);
  f("drop_path", o.drop_path);
  f("dropout", o.dropout);
}

void validate_schedule(const RunOptions& o) {
  require_option(o.epochs >= 1 && o.epochs <= 1'000'000, "epochs", "1 to 1000000", o.epochs);
  require_option(o.lr > 0, "lr", "above 0", o.lr);
  require_option(o.lr < 1e3, "lr", "below 1000", o.lr);
  require_option(o.min_lr >= 0 && o.min_lr <= o.lr, "min_lr", fmt::format("0 to lr ({})", o.lr),
                 o.min_lr);
  require_option(o.warmup_lr >= 0 && o.warmup_lr <= o.lr, "warmup_lr",
                 fmt::format("0 to lr ({})", o.lr), o.warmup_lr);
  require_option(o.warmup_epochs >= 0 && o.warmup_epochs <= static_cast<double>(o.epochs),
                 "warmup_epochs", fmt::format("0 to epochs ({})", o.epochs), o.warmup_epochs);
  require_option(o.decay_epochs > 0, "decay_epochs", "above 0", o.decay_epochs);
  require_option(o.decay_rate > 0 && o.decay_rate <= 1, "decay_rate", "above 0, at most 1",
                 o.decay_rate);
}

void validate_update(const UpdateOptions& o) {
  constexpr const char* kShare = "at least 0 and below 1";
  const auto share = [](double value) { return value >= 0 && value < 1; };
  require_option(o.layer_decay > 0 && o.layer_decay <= 1, "layer_decay", "above 0, at most 1",
                 o.layer_decay);
  require_option(o.weight_decay >= 0, "weight_decay", "at least 0", o.weight_decay);
  require_option(share(o.beta1), "beta1", kShare, o.beta1);
  require_option(share(o.beta2), "beta2", kShare, o.beta2);
  require_option(o.eps > 0, "eps", "above 0", o.eps);
  require_option(share(o.momentum), "momentum", kShare, o.momentum);
  if (o.nesterov && o.momentum == 0) throw UsageError("nesterov needs momentum");
  require_option(o.clip_norm >= 0, "clip_norm", "at least 0", o.clip_norm);
  require_option(share(o.ema), "ema", kShare, o.ema);
  require_option(share(o.label_smoothing), "label_smoothing", kShare, o.label_smoothing);
  require_option(o.accumulate >= 1 && o.accumulate <= 1'000'000, "accumulate", "1 to 1000000",
                 o.accumulate);
  o.distillation.validate();
}

void validate(const RunOptions& o) {
  validate_schedule(o);
  validate_update(o.update);
  const bool distils = o.update.distillation.kind != DistillationKind::kNone;
  if (distils && o.teacher.empty()) throw UsageError("distillation needs a teacher: name a model");
  if (!distils && !o.teacher.empty()) {
    throw UsageError("a teacher needs a distillation: soft or hard");
  }
  require_option(o.batch >= 1 && o.batch <= 1'000'000, "batch", "1 to 1000000", o.batch);
  require_option(o.image_size >= 0 && o.image_size <= kMaxInputSide, "image_size",
                 fmt::format("0 (the model's) to {}", kMaxInputSide), o.image_size);
  if (!o.resampling.empty() && o.init.empty()) {
    throw UsageError(
        "position_resampling is for weights that a run starts from: name them with init");
  }
  if (!o.resampling.empty()) value_of(kPositionResamplings, "position_resampling", o.resampling);
  require_option(std::abs(o.head_bias) <= 100, "head_bias", "-100 to 100", o.head_bias);
  require_option(o.repeats >= 1 && o.repeats <= kMaxRepeats, "repeats",
                 fmt::format("1 to {}", kMaxRepeats), o.repeats);
  require_option(o.validation >= 0 && o.validation < 1, "validation", "at least 0 and below 1",
                 o.validation);
}

/// "augment.flip" and its like.
std::vector<std::string> keys_within(const char* name, std::string_view object) {
  std::vector<std::string> keys;
  const json all = parse_json(object);
  for (const auto& [key, value] : all.items()) keys.push_back(fmt::format("{}.{}", name, key));
  return keys;
}

}  // namespace

std::string RunOptions::to_json() const {
  OptionWriter writer;
  each_option(*this, writer);
  writer("augment", parse_json(augment.to_json()));
  return write_json(writer.object);
}

RunOptions RunOptions::from_json(std::string_view text) {
  auto o =
      read_options<RunOptions>("training options: ", text, [](RunOptions& options, json object) {
        OptionReader reader(std::move(object));
        each_option(options, reader);
        reader.take("augment", [&](const json& v) {
          try {
            options.augment = Augment::from_json(write_json(v));
          } catch (const OptionError& e) {
            throw e.within("augment.");
          }
        });
        reader.refuse_unknown(keys_within("augment", options.augment.to_json()));
      });
  validate(o);
  o.mix.validate();
  o.update.seed = o.seed;
  return o;
}

}  // namespace vitrine
