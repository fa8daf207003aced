#include <fmt/format.h>

#include <cmath>

#include "core/enum_names.hpp"
#include "core/error.hpp"
#include "core/json_text.hpp"
#include "models/json_options.hpp"
#include "models/run.hpp"

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

void validate(const RunOptions& o) {
  const auto require = [](bool good, std::string_view what) {
    if (!good) throw UsageError(std::string(what));
  };
  require(o.epochs >= 1 && o.epochs <= 1'000'000, "epochs must be between 1 and 1000000");
  require(o.batch >= 1 && o.batch <= 1'000'000, "batch must be between 1 and 1000000");
  require(o.lr > 0 && o.lr < 1e3, "lr must be above 0");
  require(o.min_lr >= 0 && o.min_lr <= o.lr, "min_lr must be between 0 and lr");
  require(o.warmup_lr >= 0 && o.warmup_lr <= o.lr, "warmup_lr must be between 0 and lr");
  require(o.warmup_epochs >= 0 && o.warmup_epochs <= static_cast<double>(o.epochs),
          "warmup_epochs must be between 0 and epochs");
  require(o.decay_epochs > 0, "decay_epochs must be above 0");
  require(o.decay_rate > 0 && o.decay_rate <= 1, "decay_rate must be in (0, 1]");
  require(o.update.layer_decay > 0 && o.update.layer_decay <= 1, "layer_decay must be in (0, 1]");
  require(o.update.weight_decay >= 0, "weight_decay must not be negative");
  require(o.update.beta1 >= 0 && o.update.beta1 < 1, "beta1 must be in [0, 1)");
  require(o.update.beta2 >= 0 && o.update.beta2 < 1, "beta2 must be in [0, 1)");
  require(o.update.eps > 0, "eps must be above 0");
  require(o.update.momentum >= 0 && o.update.momentum < 1, "momentum must be in [0, 1)");
  require(!o.update.nesterov || o.update.momentum > 0, "nesterov needs momentum");
  require(o.update.clip_norm >= 0, "clip_norm must not be negative");
  require(o.update.ema >= 0 && o.update.ema < 1, "ema must be in [0, 1)");
  require(o.update.label_smoothing >= 0 && o.update.label_smoothing < 1,
          "label_smoothing must be in [0, 1)");
  o.update.distillation.validate();
  const bool distils = o.update.distillation.kind != DistillationKind::kNone;
  require(!distils || !o.teacher.empty(), "distillation needs a teacher: name a model");
  require(distils || o.teacher.empty(), "a teacher needs a distillation: soft or hard");
  require(o.update.accumulate >= 1, "accumulate must be at least 1");
  require(!o.model.empty() || !o.init.empty(), "model: name one, or weights with init");
  require(o.image_size >= 0 && o.image_size <= kMaxInputSide,
          "image_size must be between 0 and 8192");
  require(o.resampling.empty() || !o.init.empty(),
          "position_resampling is for weights that a run starts from: name them with init");
  if (!o.resampling.empty()) value_of(kPositionResamplings, "position_resampling", o.resampling);
  require(std::abs(o.head_bias) <= 100, "head_bias must be between -100 and 100");
  require(o.repeats >= 1 && o.repeats <= kMaxRepeats, "repeats must be between 1 and 256");
  require(o.validation > 0 && o.validation < 1, "validation must be in (0, 1)");
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
        // Weights bring their architecture unless another is asked for.
        const bool named = object.contains("model");
        OptionReader reader(std::move(object));
        each_option(options, reader);
        if (!named && !options.init.empty()) options.model.clear();
        reader.take("augment",
                    [&](const json& v) { options.augment = Augment::from_json(write_json(v)); });
        reader.refuse_unknown();
      });
  validate(o);
  o.mix.validate();
  o.update.seed = o.seed;
  return o;
}

}  // namespace vitrine
