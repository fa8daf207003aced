// vitrine classify: what is on a picture.

#include <fmt/format.h>

#include <algorithm>

#include "apps/command.hpp"
#include "apps/model_option.hpp"
#include "core/error.hpp"
#include "core/json_text.hpp"
#include "core/picture_file.hpp"
#include "models/top_classes.hpp"

namespace vitrine {
namespace {

struct ClassifyOptions {
  ModelOption model;
  std::vector<std::string> files;
  int64_t top = 3;
};

struct Guess {
  int64_t index;
  std::string label;
  double probability;
};

std::string label_of(const Model& model, int64_t index) {
  return model.labels.empty() ? fmt::format("class {}", index)
                              : model.labels[static_cast<size_t>(index)];
}

/// The `top` most probable classes, most probable first.
std::vector<Guess> classify(const Model& model, const Image& picture, int64_t top) {
  const Tensor logits = (*model.network)(preprocess(picture, model.preprocess));  // (1, classes)
  const auto best = top_classes(logits, top);
  std::vector<Guess> guesses;
  for (const ClassProbability& c : best.front()) {
    guesses.push_back({c.index, label_of(model, c.index), c.probability});
  }
  return guesses;
}

void print_guesses(const std::string& file, const std::vector<Guess>& guesses, size_t width) {
  std::string line = fmt::format("{:<{}}", file, width);
  for (const Guess& g : guesses) {
    line += fmt::format("   {:>5.1f} % {}", 100 * g.probability, g.label);
  }
  fmt::print("{}\n", line);
}

int classify_files(const ClassifyOptions& o, const CommonOptions& common) {
  const Model model = open_model(o.model, common, o.files.size() == 1 ? Use::kOnce : Use::kOften);
  if (model.network->network_config().classes == 0) throw UsageError("this model has no classes");
  const Preprocess& rule = model.preprocess;
  size_t width = 0;
  for (const std::string& file : o.files) width = std::max(width, file.size());
  nlohmann::json out = nlohmann::json::array();
  int status = 0;
  for (const std::string& file : o.files) {
    std::vector<Guess> guesses;
    try {
      guesses = classify(model, read_picture(file, rule.channels, rule.upright), o.top);
    } catch (const Error& e) {  // the other pictures are still worth looking at
      fmt::print(stderr, "vitrine: {}\n", e.what());
      status = 1;
      continue;
    }
    if (!common.json) {
      print_guesses(file, guesses, width);
      continue;
    }
    nlohmann::json top = nlohmann::json::array();
    for (const Guess& g : guesses) {
      top.push_back({{"label", g.label}, {"index", g.index}, {"probability", g.probability}});
    }
    out.push_back({{"file", file}, {"top", top}});
  }
  if (common.json) {
    fmt::print("{}\n", write_json_lossy(out));
  }
  return status;
}

}  // namespace

void add_classify(CLI::App& app) {
  auto o = std::make_shared<ClassifyOptions>();
  CLI::App& command =
      add_command(app, "classify", "what is on a picture",
                  [o](const CommonOptions& common) { return classify_files(*o, common); });
  add_option(command, "pictures", o->files, "PNG or JPEG files").required();
  add_model_option(command, o->model);
  add_picture_options(command, o->model);
  add_option(command, "--top", o->top, "number of classes to name").range(1, 100000).show_default();
}

}  // namespace vitrine
