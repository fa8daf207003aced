// vitrine quantize: a model's weights in fewer bits, and what that loses on the user's pictures.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>

#include "apps/command_line/command.hpp"
#include "apps/command_line/model_option.hpp"
#include "apps/terminal/print.hpp"
#include "apps/terminal/progress.hpp"
#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/data/dataset_view.hpp"
#include "models/data/file_dataset.hpp"
#include "models/inference/compare_models.hpp"
#include "models/inference/find_model.hpp"
#include "models/inference/layer_losses.hpp"
#include "models/inference/match_classes.hpp"
#include "models/weights/precision.hpp"
#include "models/weights/resize_model.hpp"
#include "models/weights/save_quantized.hpp"

namespace vitrine {
namespace {

// Pictures on which fidelity is tried first, those of them on which each layer is tried alone, and
// layers in the table.
constexpr int64_t kTrialPictures = 16;
constexpr int64_t kLayerPictures = 4;
constexpr size_t kWorstLayers = 5;
// How much more than the mean a single picture may lose.
constexpr double kLeastFactor = 2.5;

struct QuantizeOptions {
  ModelOption model;
  std::string out, precision = "int8";
  std::string data;
  std::vector<std::string> pictures;
  std::vector<std::string> keep;
  double fidelity = 0.998;
  int64_t batch = 64;
  int workers = 1;
};

/// The pictures to measure with; none if the user names none.
struct Pictures {
  std::shared_ptr<const Dataset> data;
  bool labelled = false;
  std::vector<std::string> notes;
};

Pictures open_pictures(const QuantizeOptions& o, const Model& model) {
  if (!o.pictures.empty()) {
    return {
        std::make_shared<const FileDataset>(o.pictures, std::vector<int32_t>(o.pictures.size(), 0),
                                            std::vector<std::string>{""}),
        false,
        {}};
  }
  if (o.data.empty()) return {};
  const DatasetParts parts = dataset_parts(o.data);
  const bool has_test = !parts.test.empty() || !parts.validation.empty();
  const auto data = open_dataset(o.data, has_test ? Split::kTest : Split::kAll);
  Pictures pictures{data, false, data->notes()};
  if (model.network->network_config().classes == 0) return pictures;
  try {
    MatchedDataset matched = match_classes(data, o.data, classes_of(model), ClassMatch::kSome);
    pictures.notes.insert(pictures.notes.end(), matched.notes.begin(), matched.notes.end());
    return {matched.data, true, pictures.notes};
  } catch (const UsageError& e) {
    pictures.notes.push_back(
        fmt::format("{}; its pictures are compared without their labels", e.what()));
  }
  return pictures;
}

/// Some pictures of a data set, ready for the model.
Tensor some_pictures(const Pictures& pictures, const Model& model, std::vector<int64_t> chosen) {
  const auto count = std::ssize(chosen);
  Loader loader(some_of(pictures.data, std::move(chosen)),
                LoaderOptions::in_order(count, 1, model.preprocess));
  loader.start(0);
  return loader.next()->images.clone();
}

/// So many places in 0 .. size - 1, evenly spread.
std::vector<int64_t> spread(int64_t count, int64_t size) {
  count = std::min(count, size);
  std::vector<int64_t> chosen(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) chosen[static_cast<size_t>(i)] = i * size / count;
  return chosen;
}

/// Which weights stay in f32: those that the user names, and as many of the worst as it takes until
/// the embeddings have the fidelity that is asked for. That is tried on a few pictures; if all of
/// them then show that it was not enough, on those too for which it was not.
class Choice {
 public:
  Choice(const QuantizeOptions& o, const Model& floats, Model& frozen,
         const std::vector<QuantizableWeight>& weights)
      : o_(o),
        floats_(floats),
        frozen_(frozen),
        precision_(value_of(kPrecisions, "--precision", o.precision)) {
    for (const QuantizableWeight& weight : weights) names_.push_back(weight.name);
    for (const std::string& name : o.keep) {
      if (std::ranges::find(names_, name) == names_.end()) {
        throw UsageError(
            fmt::format("--keep {}: no weight of that name{}", name, did_you_mean(name, names_)));
      }
      kept.insert(name);
    }
  }

  void begin(const Pictures& pictures, const CommonOptions& common) {
    std::vector<std::string> tried;
    for (const std::string& name : names_) {
      if (!kept.contains(name)) tried.push_back(name);
    }
    chosen_ = spread(kTrialPictures, pictures.data->size());
    spread_ = chosen_.size();
    look_at(pictures);
    Progress progress(std::ssize(tried), "trying layers", common.quiet || common.json, "layers");
    const Tensor few = images_.rows(0, std::min(kLayerPictures, images_.dim(0)));
    losses = layer_losses(*frozen_.network, tried, precision_, few,
                          [&](int64_t done) { progress.update(done); });
    progress.finish();
    std::ranges::stable_sort(losses, std::greater<>(), &LayerLoss::loss);
    // From now on the network is the quantised one.
    set_precision(*frozen_.network, precision_, kept);
    keep_until_faithful();
  }

  /// Keeps more if a comparison of all pictures says so. False: it does not, or nothing is left.
  bool improve(const Pictures& pictures, const ModelComparison& all) {
    if (faithful(all.mean_cosine(), all.least_cosine()) || next_ == losses.size()) return false;
    for (const PictureCosine& far : all.farthest) {
      if (std::ranges::find(chosen_, far.index) == chosen_.end()) chosen_.push_back(far.index);
    }
    look_at(pictures);
    for (int64_t i = 0; i < more_ && next_ < losses.size(); ++i) keep_worst();
    more_ *= 2;
    keep_until_faithful();
    return true;
  }

  std::set<std::string> kept;
  std::vector<LayerLoss> losses;  // worst first

 private:
  bool faithful(double mean, double least) const {
    return mean >= o_.fidelity && 1 - least <= kLeastFactor * (1 - o_.fidelity);
  }
  void look_at(const Pictures& pictures) {
    images_ = some_pictures(pictures, floats_, chosen_);
    before_ = floats_.network->features(images_);
  }
  void keep_until_faithful() {
    for (; next_ < losses.size(); keep_worst()) {
      const auto cosine = cosines(before_, frozen_.network->features(images_));
      const auto spread_end = cosine.begin() + static_cast<std::ptrdiff_t>(spread_);
      const double sum = std::accumulate(cosine.begin(), spread_end, 0.0);
      if (faithful(sum / static_cast<double>(spread_), std::ranges::min(cosine))) return;
    }
  }
  void keep_worst() {
    const std::string& name = losses[next_++].name;
    kept.insert(name);
    Tensor plain;
    floats_.network->visit([&](const std::string& n, Parameter& p, Role) {
      if (n == name) plain = p.value;
    });
    frozen_.network->visit([&](const std::string& n, Parameter& p, Role) {
      if (n == name) p.value = plain;
    });
  }

  const QuantizeOptions& o_;
  const Model& floats_;
  Model& frozen_;
  Precision precision_;
  std::vector<std::string> names_;
  std::vector<int64_t> chosen_;  // pictures that are tried: the first are spread over all
  size_t spread_ = 0;
  Tensor images_, before_;
  size_t next_ = 0;   // of losses
  int64_t more_ = 1;  // layers that the next improvement keeps at least
};

double mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

nlohmann::json record(const ModelComparison& c, bool labelled, bool classifies) {
  nlohmann::json out = {
      {"images", c.images}, {"cosine_mean", c.mean_cosine()}, {"cosine_least", c.least_cosine()}};
  if (classifies) out["agreement"] = c.agreement();
  if (labelled) {
    out["top1_before"] = c.before.accuracy();
    out["top1"] = c.after.accuracy();
    out["top5_before"] = c.before.accuracy5();
    out["top5"] = c.after.accuracy5();
  }
  return out;
}

void print_comparison(const ModelComparison& c, bool labelled, bool classifies) {
  if (labelled) {
    print("{:<24}{:>10.2f} %{:>10.2f} %\n", "top-1", 100 * c.before.accuracy(),
          100 * c.after.accuracy());
    print("{:<24}{:>10.2f} %{:>10.2f} %\n", "top-5", 100 * c.before.accuracy5(),
          100 * c.after.accuracy5());
  }
  if (classifies) print("{:<24}{:>12}{:>10.2f} %\n", "same answers", "", 100 * c.agreement());
  print("{:<24}{:>12}{:>12.6f}   least {:.6f}   {} pictures\n", "cosine of embeddings", "",
        c.mean_cosine(), c.least_cosine(), c.images);
}

void check_out(const std::string& out) {
  if (!out.ends_with(".safetensors")) {
    throw UsageError(
        fmt::format("quantize {}: a quantised model is written as FILE.safetensors", out));
  }
}

/// The model in floats beside what was written, read as anybody reads it.
ModelComparison compare(const QuantizeOptions& o, const Model& floats, const Pictures& pictures,
                        const CommonOptions& common) {
  ModelOption written;
  written.model = o.out;
  CommonOptions silent = common;
  silent.quiet = true;
  const Model after = open_model(written, silent);
  Loader loader(pictures.data, LoaderOptions::in_order(o.batch, o.workers, floats.preprocess));
  Progress progress(pictures.data->size(), "comparing", common.quiet || common.json);
  ModelComparison c =
      compare_models(*floats.network, *after.network, loader, pictures.labelled,
                     [&](const ModelComparison& so_far) { progress.update(so_far.images); });
  progress.finish();
  return c;
}

int quantize(const QuantizeOptions& o, const CommonOptions& common) {
  check_out(o.out);
  watch_interrupt();
  const Precision precision = value_of(kPrecisions, "--precision", o.precision);
  Model plain = open_model(o.model, common, /*use=*/std::nullopt);
  fit_to_pictures(plain);  // other programs' files may leave that to who reads them
  ModelOption in_floats = o.model;
  in_floats.precision = "f32";
  CommonOptions silent = common;
  silent.quiet = true;  // the same notes
  Model frozen = open_model(in_floats, silent);
  const std::vector<QuantizableWeight> weights = quantizable_weights(plain, frozen);
  const Pictures pictures = open_pictures(o, frozen);
  print_notes(pictures.notes, common);
  const Model floats = open_model(in_floats, silent);
  Choice choice(o, floats, frozen, weights);
  if (pictures.data != nullptr) choice.begin(pictures, common);
  int64_t bytes = save_quantized(o.out, plain, weights, precision, choice.kept);
  ModelComparison compared;
  while (pictures.data != nullptr) {
    compared = compare(o, floats, pictures, common);
    if (!choice.improve(pictures, compared)) break;
    bytes = save_quantized(o.out, plain, weights, precision, choice.kept);
  }

  const auto before = static_cast<int64_t>(plain.network->network_config().parameters() * 4);
  const bool classifies = plain.network->network_config().classes > 0;
  nlohmann::json out = {{"out", o.out},
                        {"precision", o.precision},
                        {"bytes_before", before},
                        {"bytes", bytes},
                        {"weights", weights.size() - choice.kept.size()},
                        {"kept", choice.kept}};
  if (!common.json && !common.quiet) {
    print("{:<24}{:>12}{:>12}\n", "", "f32", o.precision);
    print("{:<24}{:>8.2f} MiB{:>8.2f} MiB   {} of {} weights\n", "file", mib(before), mib(bytes),
          weights.size() - choice.kept.size(), weights.size());
  }
  if (pictures.data != nullptr) {
    out["comparison"] = record(compared, pictures.labelled, classifies);
    for (const LayerLoss& layer : choice.losses) {
      out["layers"].push_back({{"name", layer.name}, {"loss", layer.loss}});
    }
    if (!common.json) print_comparison(compared, pictures.labelled, classifies);
  }
  if (common.json) {
    print_json(out);
    return 0;
  }
  if (common.quiet) return 0;
  for (size_t i = 0; i < std::min(kWorstLayers, choice.losses.size()); ++i) {
    print("{:<24}{:<44} 1 - cosine {:.2e}\n", i == 0 ? "layers that lose most" : "",
          choice.losses[i].name, choice.losses[i].loss);
  }
  for (const std::string& name : choice.kept) print("{:<24}{}\n", "left in f32", name);
  if (pictures.data == nullptr) {
    print(stderr, "nothing was measured: --data or pictures show what the model loses\n");
  }
  return 0;
}

}  // namespace

void add_quantize(CLI::App& app) {
  auto o = std::make_shared<QuantizeOptions>();
  CLI::App& command =
      add_command(app, "quantize", "a model in a quarter of its size, and what that loses",
                  [o](const CommonOptions& common) { return quantize(*o, common); });
  add_option(command, "in", o->model.model, "file or folder of a model, as --model elsewhere")
      .required();
  add_option(command, "out", o->out, "FILE.safetensors").required();
  add_option(command, "--precision", o->precision, "of the weights")
      .one_of({"int8", "bf16"})
      .show_default();
  add_option(command, "--data", o->data,
             fmt::format("pictures to measure with, their test part: {}", kDatasetNames));
  add_option(command, "--pictures", o->pictures, "PNG or JPEG files to measure with");
  add_option(
      command, "--fidelity", o->fidelity,
      "layers stay in f32, the worst first, until embeddings have this mean cosine, and none "
      "loses 2.5 times as much")
      .range(0, 1)
      .show_default();
  add_option(command, "--keep", o->keep, "weights to leave in f32, such as head.weight");
  add_weights_option(command, o->model.weights);
  add_batch_options(command, o->batch, o->workers);
}

}  // namespace vitrine
