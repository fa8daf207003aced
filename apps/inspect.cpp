// vitrine inspect: what a model is made of.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "apps/command_line/command.hpp"
#include "apps/command_line/model_option.hpp"
#include "apps/terminal/print.hpp"
#include "core/error.hpp"
#include "core/formats/tensor_archive.hpp"
#include "core/text/json_text.hpp"
#include "models/inference/find_model.hpp"
#include "models/weights/load_model.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

struct Options {
  std::string model;
  std::string weights = "best";
  bool layers = false;  ///< what blocks are made of too
};

struct Description {
  std::string source;  ///< where it comes from: a file, or "configuration by name"
  std::unique_ptr<Network> network;
  std::vector<std::string> labels;
  json preprocess;  ///< null for a name
  std::vector<std::string> notes;
};

Description describe(const Options& options) {
  const std::string& what = options.model;
  Description d;
  const bool is_json =
      what.ends_with(".json") && !is_shard_index(what) && !std::filesystem::is_directory(what);
  const bool is_name = !what.empty() && what != "fashion_vit" && !std::filesystem::exists(what);
  if (is_name || is_json) {
    d.source = is_json ? what : "configuration by name";
    d.network = network_config(what)->build();
    return d;
  }
  const std::string path = find_model(what);
  const RunWeights weights = value_of(kRunWeights, "--weights", options.weights);
  Model model = load_model(path, weights);
  d.source = weights == RunWeights::kBest ? model_file(path) : path + ", the last weights";
  d.labels = model.labels;
  d.preprocess = model.preprocess.to_json();
  d.notes = model.notes;
  d.network = std::move(model.network);
  return d;
}

json numbers(const Shape& shape) { return std::vector(shape.begin(), shape.end()); }

void print_as_json(const Description& d) {
  const NetworkConfig& c = d.network->network_config();
  json layers = json::array();
  c.each_layer([&](const LayerPlan& layer) {
    layers.push_back({{"name", layer.name()},
                      {"shape", numbers(layer.shape)},
                      {"parameters", layer.parameters},
                      {"macs", layer.macs}});
  });
  json tensors = json::array();
  d.network->visit([&](const std::string& name, const Parameter& p, Role) {
    tensors.push_back({{"name", name}, {"shape", numbers(p.value.shape())}});
  });
  json out = {{"parameters", c.parameters()},
              {"macs", c.macs()},
              {"config", c.to_json()},
              {"layers", layers},
              {"tensors", tensors}};
  if (!d.labels.empty()) out["labels"] = d.labels;
  if (!d.preprocess.is_null()) out["preprocess"] = d.preprocess;
  print_json(out);
}

/// The lines of the table: layers, or a line for each block with the sums of its layers and the
/// result of the last.
std::vector<LayerPlan> table_lines(const NetworkConfig& config, bool all) {
  std::vector<LayerPlan> lines;
  config.each_layer([&](const LayerPlan& layer) {
    if (all || layer.block.empty() || lines.empty() || lines.back().block != layer.block) {
      lines.push_back(layer);
      if (!all && !layer.block.empty()) lines.back().part.clear();
      return;
    }
    lines.back().shape = layer.shape;
    lines.back().parameters += layer.parameters;
    lines.back().macs += layer.macs;
  });
  return lines;
}

void print_table(const std::vector<LayerPlan>& lines, const NetworkConfig& config) {
  // What costs nothing stays empty, so that the rest stands out.
  const auto text = [](int64_t count) { return count == 0 ? "" : fmt::to_string(count); };
  using Row = std::array<std::string, 4>;
  std::vector<Row> rows = {{"layer", "output", "parameters", "multiply-adds"}};
  for (const LayerPlan& line : lines) {
    rows.push_back({line.name(), fmt::format("{}", fmt::join(line.shape.dims(), " x ")),
                    text(line.parameters), text(line.macs)});
  }
  rows.push_back({"", "sum", text(config.parameters()), text(config.macs())});
  std::array<size_t, 4> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& [name, output, parameters, macs] : rows) {
    print("  {:<{}}  {:>{}}  {:>{}}  {:>{}}\n", name, widths[0], output, widths[1], parameters,
          widths[2], macs, widths[3]);
  }
}

void print_text(const Description& d, bool all_layers) {
  const NetworkConfig& c = d.network->network_config();
  print("{}\n", d.source);
  for (const std::string& note : d.notes) print("  {}\n", note);
  print("  image {} x {} x {}, {} classes\n", c.image_height, c.image_width, c.channels, c.classes);
  print("  {}\n", c.summary());
  if (!d.preprocess.is_null()) print("  preprocessing {}\n", write_json(d.preprocess));
  print("\n");
  print_table(table_lines(c, all_layers), c);
  print("\n  {} parameters, {:.3f} GMAC per image\n", c.parameters(),
        static_cast<double>(c.macs()) / 1e9);
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, "inspect", "what a model is made of",
                                  [options](const CommonOptions& common) {
                                    const Description d = describe(*options);
                                    common.json ? print_as_json(d) : print_text(d, options->layers);
                                    return 0;
                                  });
  add_option(command, "model", options->model,
             "file, folder, name or JSON file; the shipped model if left out");
  add_weights_option(command, options->weights);
  add_flag(command, "--layers", options->layers,
           "the layers within blocks too, as --json has them");
}

}  // namespace vitrine
