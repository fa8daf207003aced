#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/training/schedule.hpp"
#include "models/training/training.hpp"
#include "models/weights/load_weights.hpp"
#include "tests/golden/case.hpp"
#include "tests/golden/layout.hpp"
#include "tests/golden/weightgen.hpp"

// Family "train": short trainings through the trainer's own update, compared step by step.

namespace vitrine::golden {
namespace {

namespace fs = std::filesystem;

/// The architecture of the network that the run starts from: its entry in the manifest beside the
/// initial weights.
std::unique_ptr<NetworkConfig> config_of(const Manifest& manifest, const Json& entry) {
  const fs::path weights = manifest.folder() / entry.at("initial").get<std::string>();
  const Manifest networks(weights.parent_path().parent_path());
  for (const Json& network : networks.json().at("cases")) {
    if (network.at("id") != entry.at("model")) continue;
    return network_config_from_json(network.at("arch"));
  }
  throw Error(fmt::format("{}: no network '{}'", networks.folder().string(),
                          entry.at("model").get<std::string>()));
}

UpdateOptions options_of(const Json& hyper) {
  UpdateOptions options;
  const std::string optimizer = hyper.at("optimizer");
  if (optimizer != "sgd" && optimizer != "adamw") throw NotOffered{"train with " + optimizer};
  const bool sgd = optimizer == "sgd";
  options.optimizer = sgd ? OptimizerKind::kSgd : OptimizerKind::kAdamW;
  options.weight_decay = hyper.at("weight_decay");
  options.decay_all = sgd;
  options.momentum = hyper.value("momentum", 0.0);
  options.nesterov = hyper.value("nesterov", false);
  if (hyper.contains("betas")) {
    const auto betas = hyper.at("betas").get<std::vector<double>>();
    options.beta1 = betas.at(0);
    options.beta2 = betas.at(1);
  }
  options.eps = hyper.value("eps", options.eps);
  options.clip_norm = hyper.value("clip_norm", 0.0);
  options.ema = hyper.value("ema", 0.0);
  options.label_smoothing = hyper.value("label_smoothing", 0.0);
  options.accumulate = hyper.value("accumulate", int64_t{1});
  return options;
}

Schedule schedule_of(const Json& hyper) {
  Schedule schedule;
  schedule.lr = hyper.at("lr");
  if (!hyper.contains("schedule")) return schedule;
  const Json& s = hyper.at("schedule");
  schedule.decay = Decay::kCosine;
  schedule.warmup_lr = s.at("warmup_lr");
  schedule.min_lr = s.at("min_lr");
  schedule.warmup_steps = s.at("warmup_steps");
  schedule.total_steps = s.at("total_steps");
  return schedule;
}

/// A case with its batches.
struct Run {
  Run(const Manifest& manifest, const Json& entry_)
      : entry(entry_),
        hyper(entry.at("hyper")),
        want(manifest.file(entry.at("file"))),
        initial(manifest.file(entry.at("initial"))),
        generator(entry.at("tag")) {}

  WeightGenerator::Batch batch(const std::string& name) const {
    return generator.batch(name, hyper.at("batch"), entry.at("image").get<std::vector<int64_t>>(),
                           entry.at("classes"));
  }

  const Json& entry;
  const Json& hyper;
  const TensorFile& want;
  const TensorFile& initial;
  WeightGenerator generator;
};

/// The generator itself, before anything depends on it.
void check_first_batch(const Run& run, Result& result) {
  const Json& want = run.entry.at("first_batch");
  const WeightGenerator::Batch batch = run.batch("train/0/0");
  result.expect(batch.labels == want.at("labels").get<std::vector<int32_t>>(),
                "first batch: other labels");
  const auto first = want.at("images_first8").get<std::vector<float>>();
  const std::vector<int64_t> count = {static_cast<int64_t>(first.size())};
  result.compare("first batch", Values(batch.images.values().first(first.size()), count),
                 Values(first, count), Tolerance{});
}

/// The parameters that weight decay acts on.
void check_decay(const Run& run, Network& network, const UpdateOptions& options, Result& result) {
  if (options.weight_decay == 0) return;
  std::set<std::string> decayed;
  network.visit([&](const std::string& name, Parameter&, Role role) {
    if (role == Role::kWeight || (options.decay_all && role != Role::kBuffer)) decayed.insert(name);
  });
  const auto want = run.entry.at("decayed_parameters").get<std::set<std::string>>();
  result.expect(decayed == want, "weight decay acts on other parameters");
}

void check_steps(const Run& run, Training& training, Result& result) {
  const Schedule schedule = schedule_of(run.hyper);
  const auto accumulate = run.hyper.value("accumulate", int64_t{1});
  const auto at = [&](const char* key, int64_t step) {
    return number(run.entry.at(key).at(static_cast<size_t>(step)));
  };
  for (int64_t step = 0; step < run.hyper.at("steps").get<int64_t>(); ++step) {
    double loss = 0;
    for (int64_t micro = 0; micro < accumulate; ++micro) {
      const auto batch = run.batch(fmt::format("train/{}/{}", step, micro));
      loss += training.add_gradients(to_nhwc(batch.images), batch.labels).loss;
    }
    const double lr = learning_rate(schedule, step);
    const double norm = training.update(lr);
    constexpr double kLrTolerance = 1e-12;
    result.compare(fmt::format("lr of step {}", step), lr, at("lr", step), {0, kLrTolerance});
    result.compare(fmt::format("loss of step {}", step), loss / static_cast<double>(accumulate),
                   at("loss_f64", step), {at("tol_loss", step), 0});
    result.compare(fmt::format("gradient norm of step {}", step), norm, at("grad_norm_f64", step),
                   {0, at("tol_grad_norm_relative", step)});
  }
}

/// The values without rows [a, b): elements whose true gradient is zero.
std::vector<float> without_rows(std::span<const float> values, const Json& record) {
  std::vector<float> kept(values.begin(), values.end());
  if (!record.contains("ignore_rows")) return kept;
  const int64_t begin = record.at("ignore_rows").at(0);
  const int64_t end = record.at("ignore_rows").at(1);
  kept.erase(kept.begin() + begin, kept.begin() + end);
  return kept;
}

void compare_weights(const Run& run, const std::string& name, const Tensor& got, Result& result) {
  const Json& record = run.entry.at("tol").at(name);
  const Tensor want = run.want.tensor(name);
  if (got.shape() != want.shape()) {
    result.fail(
        fmt::format("{}: shape {}, expected {}", name, got.shape().str(), want.shape().str()));
    return;
  }
  const std::vector<float> a = without_rows(got.values(), record);
  const std::vector<float> b = without_rows(want.values(), record);
  const std::vector<int64_t> count = {static_cast<int64_t>(a.size())};
  const bool whole = !record.contains("ignore_rows");
  result.compare(name, Values(a, whole ? want.shape().dims() : std::span<const int64_t>(count)),
                 Values(b, whole ? want.shape().dims() : std::span<const int64_t>(count)),
                 Tolerance::of(run.entry.at("tol"), name));
  if (!record.contains("update_l2")) return;
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double error = double{a[i]} - double{b[i]};
    squares += error * error;
  }
  const double distance = std::sqrt(squares) / record.at("update_l2").get<double>();
  result.compare(name + ": distance relative to the update", distance, 0.0,
                 {record.at("tol_update_l2_relative"), 0});
}

/// All weights of one kind, "final/" or "ema/", that the case has.
void check_weights(const Run& run, Network& network, const std::string& prefix, Result& result) {
  std::map<std::string, Tensor> weights;
  network.visit([&](const std::string& name, Parameter& p, Role) { weights[name] = p.value; });
  for (const auto& [name, record] : run.entry.at("tol").items()) {
    if (!name.starts_with(prefix)) continue;
    const auto found = weights.find(name.substr(prefix.size()));
    if (found == weights.end()) {
      result.fail(name + ": the network has no such weights");
    } else {
      compare_weights(run, name, found->second, result);
    }
  }
}

void check_run(const Manifest& manifest, const Json& entry, Result& result) {
  const auto network = config_of(manifest, entry)->build();
  const Run run(manifest, entry);
  load_weights(*network, own_weights(run.initial.content()), run.initial.content());
  check_first_batch(run, result);

  const UpdateOptions options = options_of(run.hyper);
  check_decay(run, *network, options, result);
  Training training(*network, options);
  check_steps(run, training, result);
  check_weights(run, *network, "final/", result);
  const auto eval = run.batch("train/eval");
  result.compare("eval_logits", (*network)(to_nhwc(eval.images)), run.want.tensor("eval_logits"),
                 Tolerance::of(entry.at("tol"), "eval_logits"));
  if (!training.has_average()) return;
  training.swap_average();
  check_weights(run, *network, "ema/", result);
}

}  // namespace

std::vector<Case> train_cases(const ManifestPtr& manifest) {
  return cases_from(manifest->json().at("cases"), [manifest](const Json& entry, Result& result) {
    check_run(*manifest, entry, result);
  });
}

}  // namespace vitrine::golden
