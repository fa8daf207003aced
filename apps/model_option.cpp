#include "apps/model_option.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/file.hpp"
#include "models/find_model.hpp"

namespace vitrine {
namespace {

constexpr int64_t kMaxLabelsBytes = int64_t{16} << 20;

}  // namespace

void add_model_option(CLI::App& command, ModelOption& option) {
  add_option(command, "--model", option.model,
             "file or folder (of a run, of Hugging Face or timm); the shipped model if left "
             "out");
  add_option(command, "--labels", option.labels, "file with the name of a class in each line");
}

std::vector<std::string> read_labels(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxLabelsBytes);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<std::string> labels;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    labels.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return labels;
}

Model open_model(const ModelOption& option, const CommonOptions& common, bool frozen) {
  const std::string path = find_model(option.model);
  Model model = frozen ? load_frozen_model(path) : load_model(path);
  if (!common.quiet) {
    for (const std::string& note : model.notes) fmt::print(stderr, "{}\n", note);
  }
  if (option.labels.empty()) return model;
  model.labels = read_labels(option.labels);
  if (static_cast<int64_t>(model.labels.size()) != model.network->network_config().classes) {
    throw UsageError(fmt::format("--labels {}: {} lines for {} classes", option.labels,
                                 model.labels.size(), model.network->network_config().classes));
  }
  return model;
}

}  // namespace vitrine
