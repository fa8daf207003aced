// vitrine features: what a network sees in pictures, and how far that alone tells them apart.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "apps/command_line/command.hpp"
#include "apps/command_line/embedding_options.hpp"
#include "apps/command_line/model_option.hpp"
#include "apps/terminal/print.hpp"
#include "apps/terminal/progress.hpp"
#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/analysis/features.hpp"
#include "models/analysis/linear_probe.hpp"
#include "models/analysis/weighted_knn.hpp"
#include "models/data/file_dataset.hpp"

namespace vitrine {
namespace {

struct FeaturesOptions {
  ModelOption model;
  std::string data, split = "all", out;
  std::vector<std::string> pictures;
  EmbeddingWords embedding;
  int64_t knn = 0;
  double temperature = KnnOptions().temperature;
  bool linear_probe = false;
  int64_t batch = 64;
  int workers = 1;

  bool probes() const { return knn > 0 || linear_probe; }
};

void check_options(const FeaturesOptions& o) {
  if (o.data.empty() == o.pictures.empty()) {
    throw UsageError("name either --data or pictures: one of them has the features wanted");
  }
  if (o.out.empty() && !o.probes()) {
    throw UsageError("nothing to do: name --out, --knn or --linear-probe");
  }
  if (!o.out.empty()) check_features_path(o.out);
  if (o.probes() && (o.data.empty() || o.split != "all")) {
    throw UsageError("--knn and --linear-probe need --data with both parts (--split all)");
  }
  if (o.probes() && !o.embedding.tokens.empty()) {
    throw UsageError("--knn and --linear-probe judge one vector of a picture: not with --tokens");
  }
}

/// Pictures of a data set or of the command line.
struct Parts {
  std::vector<std::shared_ptr<const Dataset>> parts;  ///< those to learn from first
  int64_t train = 0;                                  ///< pictures to learn from
  std::vector<std::string> notes;

  void add(std::shared_ptr<const Dataset> part) {
    for (const std::string& note : part->notes()) {
      if (std::ranges::find(notes, note) == notes.end()) notes.push_back(note);
    }
    parts.push_back(std::move(part));
  }
};

/// The parts that are wanted.
Parts open_parts(const FeaturesOptions& o) {
  Parts all;
  if (!o.pictures.empty()) {
    all.add(std::make_shared<const FileDataset>(
        o.pictures, std::vector<int32_t>(o.pictures.size(), 0), std::vector<std::string>{""}));
    return all;
  }
  if (o.split == "train" || o.split == "all") all.add(open_dataset(o.data, Split::kTrain));
  const DatasetParts parts = dataset_parts(o.data);
  if (o.split == "val" || (o.split == "all" && !parts.validation.empty() && !parts.test.empty())) {
    auto validation = open_dataset(o.data, Split::kValidation);
    if (validation == nullptr) {
      throw UsageError(
          fmt::format("--split val: data {} has no validation part of its own", o.data));
    }
    if (o.split == "all") {
      all.notes.push_back(fmt::format("data {}: {} pictures of {} count as training pictures",
                                      o.data, validation->size(), parts.validation));
    }
    all.add(std::move(validation));
  }
  if (o.split != "val" && o.split != "test") {
    for (const auto& part : all.parts) all.train += part->size();
  }
  if (o.split == "test" || o.split == "all") all.add(open_dataset(o.data, Split::kTest));
  return all;
}

Features extract(const Model& model, const FeaturesOptions& o, const CommonOptions& common) {
  const Parts opened = open_parts(o);
  print_notes(opened.notes, common);
  const auto& parts = opened.parts;
  int64_t total = 0;
  for (const auto& part : parts) total += part->size();
  const Embedder embedder(*model.network, read_words(o.embedding));
  Features features;
  features.values = Tensor::empty(embedder.shape().of(total));
  features.embedding = describe_embedding(embedder);
  if (o.pictures.empty()) features.classes = parts.front()->class_names();
  features.train = opened.train;

  Progress progress(total, "extracting", common.quiet || common.json);
  int64_t first = 0;
  for (const auto& part : parts) {
    Loader loader(part, LoaderOptions::in_order(o.batch, o.workers, model.preprocess));
    extract_features(embedder, loader, features.values, first,
                     [&](int64_t done) { progress.update(first + done); });
    first += part->size();
    if (o.pictures.empty()) {
      features.labels.insert(features.labels.end(), part->labels().begin(), part->labels().end());
    }
    for (int64_t i = 0; !part->in_memory() && i < part->size(); ++i) {
      features.files.push_back(part->file(i));
    }
  }
  progress.finish();
  return features;
}

nlohmann::json shares(const Accuracy& a) { return {{"top1", a.share1()}, {"top5", a.share5()}}; }

void print_accuracy(const std::string& what, const Accuracy& a) {
  print("{:<28} top-1 {:.2f} %   top-5 {:.2f} %   {} images\n", what, 100 * a.share1(),
        100 * a.share5(), a.images);
}

/// Of an image: "768", or "4 x 197 x 768".
std::string axes_of(const Shape& shape) {
  std::string text;
  for (int64_t axis = 1; axis < shape.rank(); ++axis) {
    text += fmt::format("{}{}", axis > 1 ? " x " : "", shape[axis]);
  }
  return text;
}

int features(const FeaturesOptions& o, const CommonOptions& common) {
  check_options(o);
  watch_interrupt();
  const Model model = open_model(o.model, common);
  Features found = extract(model, o, common);
  const Shape shape = found.values.shape();
  const int64_t images = shape[0];
  nlohmann::json result = {
      {"images", images}, {"features", shape[shape.rank() - 1]}, {"train", found.train}};
  if (!found.embedding.empty()) result["embedding"] = parse_json(found.embedding);
  if (!o.out.empty()) save_features(o.out, found);
  if (!common.json) {
    print("{} pictures, {} features each{}\n", images, axes_of(shape),
          o.out.empty() ? "" : " in " + o.out);
  }
  // Those of several layers side by side.
  found.values =
      found.values.reshape({images, found.values.numel() / std::max<int64_t>(images, 1)});
  const auto classes = static_cast<int64_t>(found.classes.size());
  if (o.knn > 0) {
    const Accuracy a = weighted_knn(train_rows(found), test_rows(found), classes,
                                    {.k = o.knn, .temperature = o.temperature});
    result["knn"] = shares(a);
    result["knn"]["k"] = o.knn;
    if (!common.json) print_accuracy(fmt::format("k-NN, k {}", o.knn), a);
  }
  if (o.linear_probe) {
    const LinearProbe probe = choose_linear_probe(train_rows(found), classes, common.seed);
    const Accuracy a = evaluate(probe, test_rows(found));
    result["linear_probe"] = shares(a);
    result["linear_probe"]["ridge"] = probe.ridge;
    if (!common.json) print_accuracy(fmt::format("linear probe, ridge {}", probe.ridge), a);
  }
  if (common.json) print_json(result);
  return 0;
}

}  // namespace

void add_features(CLI::App& app) {
  auto o = std::make_shared<FeaturesOptions>();
  CLI::App& command =
      add_command(app, "features", "embeddings of pictures, and what they are worth",
                  [o](const CommonOptions& common) { return features(*o, common); });
  add_option(command, "pictures", o->pictures, "PNG or JPEG files");
  add_model_option(command, o->model);
  add_picture_options(command, o->model);
  add_option(command, "--data", o->data, kDatasetNames);
  add_option(command, "--split", o->split, "train, val, test or all: what train learns first")
      .one_of({"train", "val", "test", "all"})
      .show_default();
  add_option(command, "--out", o->out,
             "X.safetensors, or X.npy (then X.labels.npy and X.json beside it)");
  add_embedding_options(command, o->embedding);
  add_option(command, "--knn", o->knn, "accuracy of the K nearest training pictures [20]")
      .value_if_alone(std::to_string(KnnOptions().k))
      .range(1, 100000);
  add_option(command, "--temperature", o->temperature, "of the neighbours' votes")
      .range(1e-3, 1e3)
      .show_default();
  add_flag(command, "--linear-probe", o->linear_probe,
           "accuracy of a linear classifier (ridge regression)");
  add_batch_options(command, o->batch, o->workers);
}

}  // namespace vitrine
