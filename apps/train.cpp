// vitrine train: trains a model in a folder, or goes on with what is there.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "apps/command_line/command.hpp"
#include "apps/runs/recipe.hpp"
#include "apps/runs/train_heading.hpp"
#include "apps/runs/train_run.hpp"
#include "apps/terminal/print.hpp"
#include "core/error.hpp"
#include "core/process_memory.hpp"
#include "core/text/json_text.hpp"
#include "core/text/option_error.hpp"
#include "models/training/default_network.hpp"
#include "models/training/run.hpp"

namespace vitrine {
namespace {

struct TrainOptions {
  RunFolder folder;
  std::string recipe;
  std::vector<std::string> set;
  /// Options of the run that were given, under the names of config.json.
  nlohmann::json given = nlohmann::json::object();
  /// The same as they were typed: "augment.flip" has "--flip 2".
  std::map<std::string, std::string> typed;
};

/// What is wrong with an option, in the words in which the user gave it.
UsageError as_typed(const OptionError& e, const TrainOptions& o) {
  const auto refused = [&](const std::string& words) {
    return UsageError(fmt::format("{}: must be {}", words, e.wanted()));
  };
  const auto flag = o.typed.find(e.key());
  if (flag != o.typed.end()) return refused(flag->second);
  for (const std::string& assignment : o.set) {
    if (assignment.starts_with(e.key() + "=")) return refused("--set " + assignment);
  }
  return UsageError(o.recipe.empty() ? e.what()
                                     : fmt::format("--recipe {}: {}", o.recipe, e.what()));
}

/// The recipe's options, changed by --set, changed by flags.
nlohmann::json with_recipe(const TrainOptions& o) {
  nlohmann::json all = nlohmann::json::object();
  if (!o.recipe.empty()) all = read_recipe(o.recipe);
  for (const std::string& assignment : o.set) set_option(all, assignment);
  all.merge_patch(o.given);
  const bool continues = o.folder.resume && Run::stored_options(o.folder.path).has_value();
  // null in a recipe: the user names it.
  for (const auto& [key, what] :
       {std::pair("init", "weights to start from"), std::pair("teacher", "model to learn from")}) {
    if (!all.contains(key) || !all[key].is_null()) continue;
    if (!continues) {
      throw UsageError(fmt::format("--recipe {}: name the {} with --{}", o.recipe, what, key));
    }
    all.erase(key);
  }
  if (!o.recipe.empty() && !all.contains("data") && !continues) {
    throw UsageError(fmt::format("--recipe {}: name the pictures with --data", o.recipe));
  }
  return all;
}

/// What a run ended with.
void print_test(double accuracy, double loss, int64_t images) {
  print("test accuracy {:.2f} %, loss {:.4f}, {} images\n", 100 * accuracy, loss, images);
}

void print_files(const std::string& before, const TrainOptions& o, const std::string& behind) {
  print_wrapped(stdout, fmt::format("{}model.safetensors and result.json in {}{}", before,
                                    o.folder.path, behind));
}

void report(const Run& run, const Evaluation& result, const TrainOptions& o,
            const CommonOptions& common, int64_t memory) {
  if (common.json) {
    const nlohmann::json out = {{"top1", result.accuracy()},
                                {"top5", result.accuracy5()},
                                {"loss", result.loss()},
                                {"images", result.images},
                                {"memory_estimate_mib", memory >> 20},
                                {"peak_rss_mib", process_memory().peak_bytes >> 20}};
    print_json(out);
  } else if (!common.quiet) {
    const size_t bad = run.bad_pictures().size();
    if (bad > 0) print("{} training pictures were left out\n", bad);
    print_test(result.accuracy(), result.loss(), result.images);
    const std::string weights = run.best_epoch() == 0
                                    ? ""
                                    : fmt::format("weights of epoch {}, the {}; ", run.best_epoch(),
                                                  run.validation_images() > 0 ? "best" : "last");
    print_files(weights, o, "");
  }
}

/// Says what a run that is done has come to; nothing is computed.
int report_done(const nlohmann::json& result, const TrainOptions& o, const CommonOptions& common) {
  const auto number = [&](const char* key) { return result.value(key, std::nan("")); };
  if (common.json) {
    print_json(result);
  } else if (!common.quiet) {
    print("this run is done: {} epochs; ", result.value("epochs", int64_t{0}));
    print_test(number("top1"), number("loss"), result.value("images", int64_t{0}));
    print_files("", o, "; more: --resume --epochs N");
  }
  return 0;
}

int train(const TrainOptions& options, const CommonOptions& common) {
  TrainOptions o = options;
  if (common.seed_given) o.given["seed"] = common.seed;
  watch_interrupt();
  std::unique_ptr<Run> run;
  try {
    o.given = with_recipe(o);
    if (const auto result = finished_result(o.folder, o.given)) {
      return report_done(*result, o, common);
    }
    run = open_run(o.folder, o.given, common);
  } catch (const OptionError& e) {
    throw as_typed(e, o);
  }
  const bool quiet = common.quiet || common.json;
  if (!quiet) print_heading(*run);
  print_notes(run->model().notes, common);
  print_notes(run->notes(), common);
  print_bad_pictures(run->bad_pictures(), "training pictures", common);
  if (!common.quiet) print_warnings(*run);
  const auto result = train_and_test(*run, o.folder, common);
  if (!result) {
    if (!common.quiet) {
      print(stderr, "vitrine: interrupted; to go on: vitrine train --out {} --resume\n",
            o.folder.path);
    }
    return kInterrupted;
  }
  report(*run, *result, o, common, run->memory_estimate());
  return 0;
}

/// Declares an option of the run; its value goes to `given` under `key`, if it is used at all.
template <class T>
Option run_option(CLI::App& command, const std::shared_ptr<TrainOptions>& o,
                  const std::string& flag, const std::string& key, const std::string& help) {
  const auto keep = [o, flag, key](const T& v) {
    const nlohmann::json value = v;
    o->given[nlohmann::json::json_pointer(key)] = value;
    std::string name = key.substr(1);
    std::ranges::replace(name, '/', '.');
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      o->typed[name] = fmt::format("{} {}", flag, v);
    } else {
      o->typed[name] = flag;
    }
  };
  return add_option_function<T>(command, flag, keep, help);
}

void add_run_options(CLI::App& command, const std::shared_ptr<TrainOptions>& o) {
  const auto text = [&](const char* flag, const char* key, const char* help) {
    return run_option<std::string>(command, o, flag, key, help);
  };
  const auto whole = [&](const char* flag, const char* key, const char* help) {
    return run_option<int64_t>(command, o, flag, key, help).not_negative();
  };
  const auto real = [&](const char* flag, const char* key, const char* help) {
    return run_option<double>(command, o, flag, key, help).not_negative();
  };
  const RunOptions d;
  text("--data", "/data", fmt::format("{} [{}]", kDatasetNames, d.data).c_str());
  text("--model", "/model",
       fmt::format("name or JSON file of a model [with --init that of the weights, else {}]",
                   kDefaultNetworkRule)
           .c_str());
  text("--init", "/init",
       "start from these weights, whatever eval --model takes: the head is kept where the classes "
       "have the same names, else a new one");
  text("--weights", "/init_weights", "of --init, a run's folder: best (default) or last epoch")
      .one_of({"best", "last"});
  whole("--image-size", "/image_size", "pixels along a side [the model's]");
  text("--position-resampling", "/position_resampling",
       fmt::format("of --init at another size: {}", kPositionResamplingNames).c_str());
  whole("--epochs", "/epochs", fmt::format("times through the data [{}]", d.epochs).c_str());
  whole("--batch", "/batch", fmt::format("images per step [{}]", d.batch).c_str());
  whole("--accumulate", "/accumulate", "batches per update [1]");
  run_option<bool>(command, o, "--checkpoint-blocks", "/checkpoint_blocks",
                   "run each block again for its gradients instead of keeping its activations: "
                   "much less memory, a third more time, the same result [false]")
      .value_if_alone("true");
  real("--lr", "/lr", fmt::format("highest learning rate [{}]", d.lr).c_str());
  real("--min-lr", "/min_lr", fmt::format("learning rate at the end [{}]", d.min_lr).c_str());
  real("--warmup-epochs", "/warmup_epochs", "epochs of linear warm-up [1]");
  text("--schedule", "/schedule", "of the learning rate: constant, linear, cosine (default), step")
      .one_of({"constant", "linear", "cosine", "step"});
  real("--decay-epochs", "/decay_epochs", "of the step schedule [30]");
  real("--decay-rate", "/decay_rate", "of the step schedule [0.1]");
  text("--optimizer", "/optimizer", "adamw (default) or sgd").one_of({"adamw", "sgd"});
  real("--weight-decay", "/weight_decay", "of matrices [0.05]");
  real("--momentum", "/momentum", "of SGD [0.9]");
  real("--clip-norm", "/clip_norm", "largest norm of the gradient; 0 (default) for no clipping");
  real("--ema", "/ema", "decay of the averaged weights; 0 (default) for none");
  run_option<bool>(command, o, "--ema-warmup", "/ema_warmup", "smaller decay at first [false]");
  real("--layer-decay", "/layer_decay",
       "factor of the learning rate from a layer to the one before [1]");
  run_option<std::vector<std::string>>(command, o, "--freeze", "/freeze",
                                       "patterns of parameters that stay as they are");
  text("--loss", "/loss", "softmax (default) or, per class, bce (mean over classes) or bce-sum")
      .one_of({"softmax", "bce", "bce-sum"});
  real("--label-smoothing", "/label_smoothing", "[0]");
  run_option<std::vector<std::string>>(command, o, "--teacher", "/teacher",
                                       "learn from this model too: whatever eval --model takes, "
                                       "with the same classes; from several, the mean of their "
                                       "probabilities");
  text("--distillation", "/distillation",
       "of --teacher: soft (its probabilities) or hard (its answers); by the head of the "
       "distillation token, where the model has one")
      .one_of({"none", "soft", "hard"});
  real("--distillation-alpha", "/distillation_alpha", "the teacher's share of the loss [0.5]");
  real("--distillation-tau", "/distillation_tau", "temperature of soft distillation [1]");
  real("--dropout", "/dropout", "after position embedding, attention and both MLP layers [0]");
  real("--drop-path", "/drop_path", "stochastic depth of the last block [0]");
  text("--position", "/position",
       "none, learned, learned_2d, relative, sincos_moco or sincos_mae [the model's]");
  text("--position-at", "/position_at",
       "where it is added: start, every (block, a table for each) or shared (one for all)");
  text("--pool", "/pool", "token, or avg (mean of the patches, no class token)");
  text("--weight-init", "/weight_init", "initial weights as timm (default) or jax has them")
      .one_of({"timm", "jax"});
  run_option<double>(command, o, "--head-bias", "/head_bias", "initial bias of every class [0]");
  whole("--repeats", "/repeats", "repeated augmentation: views of a picture in an epoch [1]");
  text("--bad-pictures", "/bad_pictures",
       "files that cannot be read: fail (default), or skip: all are tried before the run begins")
      .one_of({"fail", "skip"});
  add_option_function<bool>(
      command, "--no-exif", [o](const bool& ignore) { o->given["exif"] = !ignore; },
      "do not turn pictures upright by their EXIF orientation [as --init was trained]")
      .value_if_alone("true");
  real("--validation", "/validation",
       "part of the training data that chooses the best; 0 for none: the last weights are kept "
       "[1/12, at least one picture of a class, or none where they are too few]");
  whole("--shift", "/augment/shift", "random shift by up to so many pixels [0]");
  real("--flip", "/augment/flip", "probability of a mirror image [0]");
  real("--vertical-flip", "/augment/vertical_flip", "of one upside down [0]");
  text("--fill", "/augment/fill", "what surrounds a shifted picture: zero (default), edge, reflect")
      .one_of({"zero", "edge", "reflect"});
  real("--crop-scale-min", "/augment/crop_scale_min", "random resized crop: smallest part [off]");
  real("--crop-scale-max", "/augment/crop_scale_max", "random resized crop: largest part [off]");
  real("--crop-ratio-min", "/augment/crop_ratio_min", "smallest aspect ratio of a crop [3/4]");
  real("--crop-ratio-max", "/augment/crop_ratio_max", "largest aspect ratio of a crop [4/3]");
  text("--interpolation", "/augment/interpolation",
       "of crops: bilinear, bicubic, random [the model's]")
      .one_of({"bilinear", "bicubic", "random"});
  text("--auto-augment", "/augment/auto_augment",
       "timm's rand-m9-mstd0.5-inc1 and others of its kind, or 3a (DeiT III)");
  real("--brightness", "/augment/brightness", "colour jitter: factors of 1 - v to 1 + v [0]");
  real("--contrast", "/augment/contrast", "the same of contrast [0]");
  real("--saturation", "/augment/saturation", "the same of saturation [0]");
  real("--hue", "/augment/hue", "the hue is turned by up to this part of the circle [0]");
  real("--erase", "/augment/erase", "probability of random erasing [0]");
  text("--erase-mode", "/augment/erase_mode", "const, rand or pixel (default)")
      .one_of({"const", "rand", "pixel"});
  whole("--erase-count", "/augment/erase_count", "up to so many rectangles [1]");
  real("--erase-area-max", "/augment/erase_area_max", "largest part that is erased [1/3]");
  real("--mixup", "/mixup", "alpha of mixup; 0 (default) for none");
  real("--cutmix", "/cutmix", "alpha of cutmix; 0 (default) for none");
  real("--mix-probability", "/mix_probability", "of either [1]");
  real("--cutmix-probability", "/cutmix_probability", "of cutmix, where both are on [0.5]");
  text("--mix-mode", "/mix_mode", "what is drawn is for a batch (default), a pair or an elem(ent)")
      .one_of({"batch", "pair", "elem"});
  whole("--mix-off-epoch", "/mix_off_epoch",
        "no mixing after so many epochs; 0 (default): until the end");
}

}  // namespace

void add_train(CLI::App& app) {
  auto o = std::make_shared<TrainOptions>();
  CLI::App& command = add_command(app, "train", "trains a model",
                                  [o](const CommonOptions& common) { return train(*o, common); });
  add_option(command, "--recipe", o->recipe,
             fmt::format("options from a file, or one of {}", fmt::join(recipe_names(), ", ")));
  add_option(command, "--set", o->set,
             "KEY=VALUE for an option under its name in config.json, such as "
             "augment.flip=0.5; wins over the recipe, and flags win over it");
  add_option(command, "--out", o->folder.path, "folder of the run").required();
  add_flag(command, "--resume", o->folder.resume,
           "go on from the folder's checkpoint, or begin again with its config.json; --epochs may "
           "be more than they were");
  add_option(command, "--workers", o->folder.workers, "threads that prepare pictures")
      .range(0, 64)
      .show_default();
  add_option(command, "--checkpoint-steps", o->folder.checkpoint_steps,
             "a checkpoint every so many steps too; 0 for once an epoch")
      .not_negative()
      .show_default();
  add_run_options(command, o);
}

}  // namespace vitrine
