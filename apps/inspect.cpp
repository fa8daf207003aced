// vitrine inspect: what a model is made of.

#include <fmt/format.h>

#include <filesystem>

#include "apps/command.hpp"
#include "core/error.hpp"
#include "core/json_text.hpp"
#include "models/checkpoint.hpp"
#include "models/find_model.hpp"

namespace vitrine {
namespace {

struct Row {
  std::string name;
  Shape shape;
};

struct Description {
  std::string source;  ///< where it comes from: a file, or "configuration by name"
  std::unique_ptr<Network> network;
  std::vector<Row> rows;
  std::vector<std::string> labels;
  std::string preprocess;  ///< JSON, empty for a name
  std::vector<std::string> notes;
};

/// Rows of the tensors that a network of this configuration has.
std::vector<Row> rows_of_model(Network& network) {
  std::vector<Row> rows;
  network.visit([&](const std::string& name, const Parameter& p, Role) {
    rows.push_back({name, p.value.shape()});
  });
  return rows;
}

Description describe(const std::string& what) {
  Description d;
  const bool is_name = !what.empty() && what != "fashion_vit" && !std::filesystem::exists(what);
  if (is_name) {
    d.source = "configuration by name";
    d.network = network_config(what)->build();
    d.rows = rows_of_model(*d.network);
    return d;
  }
  d.source = model_file(find_model(what));
  Model model = load_model(d.source);
  d.rows = rows_of_model(*model.network);
  d.labels = model.labels;
  d.preprocess = model.preprocess.to_json();
  d.notes = model.notes;
  d.network = std::move(model.network);
  return d;
}

void print_json(const Description& d) {
  nlohmann::json layers = nlohmann::json::array();
  for (const Row& row : d.rows) {
    const auto dims = row.shape.dims();
    layers.push_back({{"name", row.name}, {"shape", std::vector(dims.begin(), dims.end())}});
  }
  const NetworkConfig& c = d.network->network_config();
  nlohmann::json out = {{"parameters", c.parameters()},
                        {"macs", c.macs()},
                        {"config", parse_json(c.to_json())},
                        {"tensors", layers}};
  if (!d.labels.empty()) out["labels"] = d.labels;
  if (!d.preprocess.empty()) out["preprocess"] = parse_json(d.preprocess);
  fmt::print("{}\n", write_json_lossy(out));
}

void print_text(const Description& d) {
  const NetworkConfig& c = d.network->network_config();
  fmt::print("{}\n", d.source);
  for (const std::string& note : d.notes) fmt::print("  {}\n", note);
  fmt::print("  image {} x {} x {}, {} classes\n", c.image_height, c.image_width, c.channels,
             c.classes);
  fmt::print("  {}\n", c.summary());
  if (!d.preprocess.empty()) fmt::print("  preprocessing {}\n", d.preprocess);
  size_t width = 0;
  for (const Row& row : d.rows) width = std::max(width, row.name.size());
  fmt::print("\n  {:<{}}  {:>20}  {:>12}\n", "tensor", width, "shape", "numbers");
  for (const Row& row : d.rows) {
    fmt::print("  {:<{}}  {:>20}  {:>12}\n", row.name, width, row.shape.str(), row.shape.numel());
  }
  fmt::print("\n  {} parameters, {:.3f} GMAC per image\n", c.parameters(),
             static_cast<double>(c.macs()) / 1e9);
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto what = std::make_shared<std::string>();
  CLI::App& command =
      add_command(app, "inspect", "what a model is made of", [what](const CommonOptions& common) {
        const Description d = describe(*what);
        common.json ? print_json(d) : print_text(d);
        return 0;
      });
  add_option(command, "model", *what, "file, folder or name; the shipped model if left out");
}

}  // namespace vitrine
