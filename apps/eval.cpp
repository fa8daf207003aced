// vitrine eval: accuracy of a model on a data set.

#include <fmt/format.h>

#include "apps/command_line/command.hpp"
#include "apps/command_line/model_option.hpp"
#include "apps/command_line/picture_path.hpp"
#include "apps/figures/draw_confusion_matrix.hpp"
#include "apps/figures/draw_mistakes.hpp"
#include "apps/terminal/eval_report.hpp"
#include "apps/terminal/print.hpp"
#include "apps/terminal/progress.hpp"
#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/data/bad_pictures.hpp"
#include "models/inference/evaluate.hpp"
#include "models/inference/match_classes.hpp"
#include "models/inference/zero_shot.hpp"

namespace vitrine {
namespace {

struct EvalOptions {
  ModelOption model;
  std::string data = "fashion-mnist", split, prompts;
  std::string bad_pictures = "fail";
  std::string confusion, mistakes;  // files of pictures; "" for none
  bool all_classes = false;
  int64_t batch = 64;
  int workers = 1;
};

/// The part that is asked for: without a word, the one for testing, or else everything there is.
Split part_of(const EvalOptions& o, std::vector<std::string>& notes) {
  if (o.split == "train") return Split::kTrain;
  if (o.split == "val") return Split::kValidation;
  if (o.split == "test") return Split::kTest;
  if (o.split == "all") return Split::kAll;
  const DatasetParts parts = dataset_parts(o.data);
  if (!parts.test.empty() || !parts.validation.empty()) return Split::kTest;
  notes.push_back(
      fmt::format("data {}: there is no test part, so every picture is judged; --split "
                  "test takes the tenth that train leaves out",
                  o.data));
  return Split::kAll;
}

/// The pictures to judge, with labels of these classes.
MatchedDataset open_data(const EvalOptions& o, const ModelClasses& classes) {
  std::vector<std::string> notes;
  const auto data = open_dataset(o.data, part_of(o, notes));
  if (data == nullptr) {
    throw UsageError(
        fmt::format("--split val: data {} has no validation part of its own; train "
                    "splits one off what it learns",
                    o.data));
  }
  MatchedDataset matched = match_classes(data, o.data, classes, ClassMatch::kSome);
  notes.insert(notes.end(), data->notes().begin(), data->notes().end());
  matched.notes.insert(matched.notes.begin(), notes.begin(), notes.end());
  return matched;
}

/// The pictures that are asked for of what was found.
void draw(const EvalOptions& o, const Evaluation& result, const Dataset& data,
          const Preprocess& rule) {
  if (!o.confusion.empty()) {
    write_png(o.confusion, draw_confusion_matrix(result.confusion, data.class_names()));
  }
  if (!o.mistakes.empty()) {
    write_png(o.mistakes, draw_mistakes(result, data, data.class_names(), rule));
  }
}

int eval(EvalOptions o, const CommonOptions& common) {
  if (!o.confusion.empty()) o.confusion = picture_path("--confusion", o.confusion, "confusion.png");
  if (!o.mistakes.empty()) o.mistakes = picture_path("--mistakes", o.mistakes, "mistakes.png");
  watch_interrupt();
  const Model model = open_model(o.model, common);
  std::optional<ZeroShot> zero;
  if (!o.prompts.empty()) zero = read_zero_shot(o.prompts, model);
  const MatchedDataset matched =
      open_data(o, zero ? ModelClasses{std::ssize(zero->names), zero->names} : classes_of(model));
  std::shared_ptr<const Dataset> data = matched.data;
  print_notes(matched.notes, common);
  std::vector<std::string> bad;
  if (o.bad_pictures == "skip") {
    ReadablePictures readable = readable_pictures(data, model.preprocess.channels);
    data = std::move(readable.dataset);
    bad = std::move(readable.bad);
    print_bad_pictures(bad, "pictures", common);
  }
  Loader loader(data, LoaderOptions::in_order(o.batch, o.workers, model.preprocess));
  Progress progress(data->size(), "evaluating", common.quiet || common.json);
  const auto logits = [&](const Tensor& images) {
    const Tensor answer = (*model.network)(images);
    return zero ? zero->logits(answer) : answer;
  };
  const Evaluation result = evaluate(logits, loader, [&](const Evaluation& so_far) {
    progress.update(so_far.images, fmt::format("accuracy {:.2f} %", 100 * so_far.accuracy()));
  });
  progress.finish();
  draw(o, result, *data, model.preprocess);

  if (common.json) {
    nlohmann::json out = class_record(result, *data);
    out["top1"] = result.accuracy();
    out["top5"] = result.accuracy5();
    out["loss"] = result.loss();
    out["images"] = result.images;
    out["notes"] = matched.notes;
    if (o.bad_pictures == "skip") out["bad_pictures"] = bad;
    print_json(out);
  } else {
    print("top-1 {:.2f} %   top-5 {:.2f} %   loss {:.4f}   {} images\n", 100 * result.accuracy(),
          100 * result.accuracy5(), result.loss(), result.images);
    if (!common.quiet) print_lines(stdout, class_report(result, *data, o.all_classes));
  }
  return 0;
}

}  // namespace

void add_eval(CLI::App& app) {
  auto o = std::make_shared<EvalOptions>();
  CLI::App& command = add_command(app, "eval", "accuracy of a model on a data set",
                                  [o](const CommonOptions& common) { return eval(*o, common); });
  add_model_option(command, o->model);
  add_picture_options(command, o->model);
  add_option(command, "--prompts", o->prompts,
             "FILE.safetensors: names and embeddings of texts, for a model of embeddings");
  add_option(command, "--data", o->data, kDatasetNames).show_default();
  add_option(command, "--split", o->split,
             "test, val, train or all [test where there is such a part, else all]")
      .one_of({"test", "val", "train", "all"});
  add_option(command, "--bad-pictures", o->bad_pictures,
             "files that cannot be read: fail, or skip: they are counted and left out")
      .one_of({"fail", "skip"})
      .show_default();
  add_flag(command, "--all-classes", o->all_classes,
           "figures of every class, not of the 20 worst alone");
  add_option(command, "--confusion", o->confusion, "FILE.png: a picture of what is taken for what");
  add_option(command, "--mistakes", o->mistakes, "FILE.png: a picture of the worst mistakes");
  add_batch_options(command, o->batch, o->workers);
}

}  // namespace vitrine
