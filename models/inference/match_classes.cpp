#include "models/inference/match_classes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "models/data/class_order.hpp"
#include "models/data/class_places.hpp"
#include "models/data/dataset_view.hpp"

namespace vitrine {
namespace {

/// `data` with its classes in this order of their names.
std::shared_ptr<const Dataset> in_order(const std::shared_ptr<const Dataset>& data,
                                        std::vector<std::string> names) {
  if (names == data->class_names()) return data;
  const ClassPlaces places = find_classes(data->class_names(), names);
  std::vector<int32_t> labels;
  labels.reserve(data->labels().size());
  for (const int32_t c : data->labels()) labels.push_back(places.at[static_cast<size_t>(c)]);
  return with_labels(data, std::move(labels), std::move(names));
}

/// Class for class in their order; `why` says who does not know the names.
MatchedDataset match_in_order(std::shared_ptr<const Dataset> data, const std::string& name,
                              const ModelClasses& model, const std::string& why) {
  if (data->classes() != model.count) {
    throw UsageError(fmt::format("the model has {} classes, data {} has {}, and {}", model.count,
                                 name, data->classes(), why));
  }
  const bool natural = !data->facts().numbered && model.order == ClassOrder::kNatural;
  if (natural) {
    std::vector<std::string> names = data->class_names();
    sort_naturally(names);
    data = in_order(data, std::move(names));
  }
  constexpr size_t kShown = 3;
  std::string taken;
  for (size_t c = 0; c < std::min(data->class_names().size(), kShown); ++c) {
    taken += fmt::format("{}{} for '{}'", c == 0 ? "" : ", ", c, data->class_names()[c]);
  }
  MatchedDataset matched{
      data,
      {fmt::format("{}: class {}{}, in {} order", why, taken, model.count > 3 ? ", ..." : "",
                   natural ? "timm's natural" : "their")}};
  if (!model.names.empty()) {
    matched.data = with_labels(data, data->labels(), model.names);
  }
  return matched;
}

std::vector<std::string> names_with_pictures(const Dataset& data) {
  std::vector<std::string> names;
  const std::vector<int64_t> sizes = data.class_sizes();
  for (size_t c = 0; c < sizes.size(); ++c) {
    if (sizes[c] > 0) names.push_back(data.class_names()[c]);
  }
  return names;
}

void require_known(const std::string& name, const ClassPlaces& places,
                   const std::vector<std::string>& known) {
  constexpr const char* kHint = "--labels FILE gives its classes other names, a line each";
  if (!places.unknown.empty()) {
    throw UsageError(fmt::format("data {}: the model has no class {}; it has {}. {}", name,
                                 quoted_names(places.unknown), quoted_names(known), kHint));
  }
  if (!places.twice.empty()) {
    throw UsageError(fmt::format("data {}: the model has more than one class {}: {}", name,
                                 quoted_names(places.twice), kHint));
  }
}

}  // namespace

ModelClasses classes_of(const Model& model) {
  return {model.network->network_config().classes, model.labels, model.class_order};
}

MatchedDataset match_classes(const std::shared_ptr<const Dataset>& data, const std::string& name,
                             const ModelClasses& model, ClassMatch match) {
  const std::vector<std::string>& own = data->class_names();
  if (own == model.names) return {data, {}};
  if (model.names.empty() || are_placeholders(model.names)) {
    return match_in_order(data, name, {model.count, {}, model.order},
                          "the model does not say what its classes are called");
  }
  if (!data->facts().names_known) {
    return match_in_order(data, name, model, "the data do not say what their classes are called");
  }
  if (data->facts().numbered && are_numbers(model.names)) {
    return match_in_order(data, name, model, "the model's classes are called by numbers");
  }
  const bool same = match == ClassMatch::kSame;
  const std::vector<std::string> wanted = same ? own : names_with_pictures(*data);
  require_known(name, find_classes(wanted, model.names), model.names);
  if (same && wanted.size() != model.names.size()) {
    throw UsageError(fmt::format("data {}: there is no class {}, which the model has", name,
                                 quoted_names(find_classes(model.names, own).unknown)));
  }
  MatchedDataset matched{in_order(data, model.names), {}};
  if (wanted.size() != model.names.size()) {
    matched.notes.push_back(
        fmt::format("data {}: pictures of {} of the model's {} classes, judged "
                    "by name",
                    name, wanted.size(), model.names.size()));
  }
  return matched;
}

}  // namespace vitrine
