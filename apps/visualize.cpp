// vitrine visualize: pictures of what a model has learned.

#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "apps/command_line/command.hpp"
#include "apps/command_line/model_option.hpp"
#include "apps/command_line/picture_path.hpp"
#include "apps/drawing/contact_sheet.hpp"
#include "apps/figures/curves.hpp"
#include "apps/figures/draw_attention_maps.hpp"
#include "apps/figures/draw_attention_rollout.hpp"
#include "apps/figures/draw_mistakes.hpp"
#include "apps/figures/draw_position_similarity.hpp"
#include "apps/terminal/print.hpp"
#include "core/error.hpp"
#include "models/analysis/attention_map.hpp"
#include "models/analysis/attention_rollout.hpp"
#include "models/analysis/position_similarity.hpp"
#include "models/data/dataset_view.hpp"
#include "models/inference/batches.hpp"
#include "models/inference/match_classes.hpp"
#include "models/inference/top_classes.hpp"
#include "models/networks/token_layout.hpp"
#include "models/networks/vit.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

struct VisualizeOptions {
  ModelOption model;
  std::vector<std::string> runs;
  std::string out, data = "fashion-mnist";
  std::vector<std::string> pictures;
  int64_t block = -1;
  int64_t count = 12;
};

void say(const std::string& path, const CommonOptions& common) {
  if (!common.quiet) print("{}\n", path);
}

/// One picture seen by the model: what it saw, what it said, and the attention of every block.
struct Look {
  Image seen;                            ///< after resize and crop
  std::vector<Tensor> attention;         ///< per block (H, N, N)
  std::optional<ClassProbability> best;  ///< what it said, if the model has classes
};

Look look(const Model& model, const std::string& file) {
  const Image picture = read_image(file, model.preprocess.channels, model.preprocess.exif);
  Look result;
  result.seen = prepare_pixels(picture, model.preprocess);
  Probe probe;
  probe.attention = [&](const std::string&, const Tensor& p) {
    result.attention.push_back(p.reshape({p.dim(1), p.dim(2), p.dim(3)}));
  };
  Pass pass;
  pass.probe = &probe;
  const Tensor logits = (*model.network)(preprocess(picture, model.preprocess), pass);
  if (model.network->network_config().classes > 0) result.best = top_classes(logits, 1)[0][0];
  return result;
}

/// What the model said of it, or which picture it is.
std::string caption_of(const Model& model, const Look& l, const std::string& file) {
  if (!l.best) return fs::path(file).filename().string();
  return fmt::format("{} {:.0f} %", class_label(model, l.best->index), 100 * l.best->probability);
}

int position(const VisualizeOptions& o, const CommonOptions& common) {
  const std::string out = picture_path("--out", o.out, "position.png");
  const Model model = open_model(o.model, common);
  const Vit& vit = as_vit(*model.network, "a picture of the position embedding");
  if (!vit.pos_embed.defined()) throw UsageError("this model has no position embedding");
  const Tensor all = vit.pos_embed.embedding().reshape({-1, vit.config.width});
  const Tensor patches = all.rows(vit.config.prefix_positions(), all.dim(0));
  write_png(out, draw_position_similarity(position_similarity(patches), vit.config.grid_height(),
                                          vit.config.grid_width()));
  say(out, common);
  return 0;
}

int attention_of_heads(const VisualizeOptions& o, const CommonOptions& common) {
  const auto outs = picture_paths("--out", o.out, o.pictures, ".attention.png");
  const Model model = open_model(o.model, common);
  const VitConfig& config = as_vit(*model.network, "a picture of the attention").config;
  const int64_t depth = config.depth;
  const int64_t block = o.block < 0 ? depth + o.block : o.block;
  if (block < 0 || block >= depth) {
    throw UsageError(fmt::format("--block {}: the model has blocks 0 to {}", o.block, depth - 1));
  }
  const TokenLayout layout = TokenLayout::of(config);
  for (size_t i = 0; i < outs.size(); ++i) {
    const std::string& file = o.pictures[i];
    const Look l = look(model, file);
    const Tensor maps = attention_map(l.attention[static_cast<size_t>(block)], layout);
    const std::string title = fmt::format("{}: attention of block {} of {}",
                                          caption_of(model, l, file), block + 1, depth);
    write_png(outs[i], draw_attention_maps(l.seen, maps, layout.tokens(), title));
    say(outs[i], common);
  }
  return 0;
}

int rollout(const VisualizeOptions& o, const CommonOptions& common) {
  const std::string out = picture_path("--out", o.out, "rollout.png");
  const Model model = open_model(o.model, common);
  const VitConfig& config = as_vit(*model.network, "a rollout of the attention").config;
  const TokenLayout layout = TokenLayout::of(config);
  std::vector<RolloutPicture> rows;
  for (const std::string& file : o.pictures) {
    const Look l = look(model, file);
    rows.push_back({l.seen, attention_rollout(l.attention, layout), caption_of(model, l, file)});
  }
  write_png(out, draw_attention_rollout(rows, layout.tokens()));
  say(out, common);
  return 0;
}

int curves(const VisualizeOptions& o, const CommonOptions& common) {
  if (o.runs.size() > 1 && o.out.empty()) {
    throw UsageError("--out: name the picture of several runs");
  }
  const std::string out =
      o.out.empty() ? o.runs[0] + "/curves.png" : picture_path("--out", o.out, "curves.png");
  write_png(out, o.runs.size() == 1 ? draw_curves(o.runs[0]) : compare_curves(o.runs));
  say(out, common);
  return 0;
}

/// A class as a part of a file's name: short, and without what a shell or a file system minds.
std::string file_part(std::string name) {
  constexpr size_t kMost = 60;  // bytes, of the 255 that a name of a file may have
  for (char& c : name) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '\\' || c == 127) c = '-';
  }
  size_t end = std::min(name.size(), kMost);
  // Not in the middle of a character.
  while (end > 0 && end < name.size() && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) {
    --end;
  }
  return name.substr(0, end);
}

/// Test pictures, evenly spread over the data set, as PNG files, and a sheet of what the model
/// says.
int samples(const VisualizeOptions& o, const CommonOptions& common) {
  const std::string out = o.out.empty() ? "samples" : o.out;
  make_picture_folder("--out", out);
  const Model model = open_model(o.model, common);
  const int64_t classes = model.network->network_config().classes;
  if (classes == 0) throw UsageError("this model has no classes, so it says nothing");
  const auto all = open_dataset(o.data, Split::kTest);
  print_notes(all->notes(), common);
  const MatchedDataset matched = match_classes(all, o.data, classes_of(model), ClassMatch::kSome);
  print_notes(matched.notes, common);
  const int64_t count = std::min(o.count, matched.data->size());
  std::vector<int64_t> numbers;
  numbers.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) numbers.push_back(i * matched.data->size() / count);
  const auto data = some_of(matched.data, numbers);
  std::vector<ClassifiedPicture> sheet;
  for_each_batch(*data, model.preprocess, [&](const PreparedPictures& batch) {
    batch.rethrow();
    for (const auto& best : top_classes((*model.network)(batch.images), 1)) {
      const size_t i = sheet.size();
      const int32_t label = data->labels()[i];
      const std::string& truth = data->class_names()[static_cast<size_t>(label)];
      const Image picture = dataset_image(*data, static_cast<int64_t>(i), model.preprocess);
      write_png(fmt::format("{}/{:05}-{}.png", out, numbers[i], file_part(truth)), picture);
      sheet.push_back({.picture = picture,
                       .predicted = class_label(model, best[0].index),
                       .probability = best[0].probability,
                       .truth = truth,
                       .right = best[0].index == label});
    }
  });
  const std::string path = out + "/sheet.png";
  write_png(path, contact_sheet(sheet, fmt::format("{}: what the model says", o.data)));
  say(path, common);
  return 0;
}

}  // namespace

void add_visualize(CLI::App& app) {
  CLI::App& parent = add_group(app, "visualize", "pictures of what a model has learned");
  const auto add = [&parent](const char* name, const char* help, auto work,
                             const char* out = "FILE.png, or a folder") {
    auto o = std::make_shared<VisualizeOptions>();
    CLI::App& command = add_command(
        parent, name, help, [o, work](const CommonOptions& common) { return work(*o, common); });
    add_option(command, "--out", o->out, out);
    return std::pair(&command, o);
  };

  const auto [position_command, position_options] =
      add("position", "similarity of position embeddings (the paper's figure 7)", position);
  add_model_option(*position_command, position_options->model);

  const auto [attention_command, attention_options] =
      add("attention", "where each head looks", attention_of_heads,
          "FILE.png (of several pictures FILE-1.png, ...), or a folder");
  add_option(*attention_command, "--block", attention_options->block,
             "number of the block from 0; negative from the end [-1]");
  const auto [rollout_command, rollout_options] =
      add("rollout", "attention through all blocks (the paper's figure 6)", rollout);
  for (const auto& [command, o] : {std::pair(attention_command, attention_options),
                                   std::pair(rollout_command, rollout_options)}) {
    add_model_option(*command, o->model);
    add_picture_options(*command, o->model);
    add_option(*command, "pictures", o->pictures, "PNG or JPEG files").required();
  }

  const auto [curves_command, curves_options] =
      add("curves", "loss and accuracy of a run, or of several in one picture", curves);
  add_option(*curves_command, "--run,--model", curves_options->runs,
             "folder of the run; several are compared on their validation parts")
      .required();

  const auto [samples_command, samples_options] =
      add("samples", "test pictures as PNG files, and a sheet of what the model says", samples,
          "folder to write [samples]");
  add_model_option(*samples_command, samples_options->model);
  add_picture_options(*samples_command, samples_options->model);
  add_option(*samples_command, "--data", samples_options->data, kDatasetNames).show_default();
  add_option(*samples_command, "--count", samples_options->count, "number of pictures")
      .range(1, 1000)
      .show_default();
}

}  // namespace vitrine
