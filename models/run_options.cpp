#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "models/run.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

/// Calls f(key, value) for every option: the one list that writing and reading share.
template <class Options, class F>
void each_option(Options& o, F&& f) {
  f("data", o.data);
  f("model", o.model);
  f("epochs", o.epochs);
  f("batch", o.batch);
  f("lr", o.lr);
  f("min_lr", o.min_lr);
  f("warmup_lr", o.warmup_lr);
  f("warmup_epochs", o.warmup_epochs);
  f("cosine", o.cosine);
  f("weight_decay", o.update.weight_decay);
  f("decay_all", o.update.decay_all);
  f("beta1", o.update.beta1);
  f("beta2", o.update.beta2);
  f("eps", o.update.eps);
  f("momentum", o.update.momentum);
  f("nesterov", o.update.nesterov);
  f("clip_norm", o.update.clip_norm);
  f("ema", o.update.ema);
  f("label_smoothing", o.update.label_smoothing);
  f("accumulate", o.update.accumulate);
  f("validation", o.validation);
  f("seed", o.seed);
  f("position", o.position);
  f("pool", o.pool);
  f("drop_path", o.drop_path);
  f("dropout", o.dropout);
}

OptimizerKind optimizer_of(const std::string& name) {
  if (name == "adamw") return OptimizerKind::kAdamW;
  if (name == "sgd") return OptimizerKind::kSgd;
  throw UsageError(fmt::format("unknown optimizer '{}'; known are adamw, sgd", name));
}

WeightInit weight_init_of(const std::string& name) {
  if (name == "timm") return WeightInit::kTimm;
  if (name == "jax") return WeightInit::kJax;
  throw UsageError(fmt::format("unknown weight_init '{}'; known are timm, jax", name));
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
  require(o.update.accumulate >= 1, "accumulate must be at least 1");
  require(o.validation > 0 && o.validation < 1, "validation must be in (0, 1)");
}

}  // namespace

std::string RunOptions::to_json() const {
  json object;
  each_option(*this, [&](const char* key, const auto& value) { object[key] = value; });
  object["optimizer"] = update.optimizer == OptimizerKind::kAdamW ? "adamw" : "sgd";
  object["weight_init"] = weight_init == WeightInit::kTimm ? "timm" : "jax";
  object["augment"] = json::parse(augment.to_json());
  return object.dump();
}

RunOptions RunOptions::from_json(std::string_view text) {
  RunOptions o;
  try {
    json object = json::parse(text);
    const auto take = [&](const char* key, auto use) {
      if (const auto found = object.find(key); found != object.end()) {
        use(*found);
        object.erase(found);
      }
    };
    each_option(o, [&](const char* key, auto& value) {
      take(key, [&](const json& v) { v.get_to(value); });
    });
    take("optimizer", [&](const json& v) { o.update.optimizer = optimizer_of(v); });
    take("weight_init", [&](const json& v) { o.weight_init = weight_init_of(v); });
    take("augment", [&](const json& v) { o.augment = Augment::from_json(v.dump()); });
    if (!object.empty()) {
      throw UsageError(fmt::format("training options: unknown key '{}'", object.begin().key()));
    }
  } catch (const json::exception& e) {
    throw UsageError(fmt::format("training options: {}", e.what()));
  }
  validate(o);
  o.update.seed = o.seed;
  return o;
}

}  // namespace vitrine
