#include "models/match_classes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "models/class_order.hpp"
#include "models/class_places.hpp"

namespace vitrine {
namespace {

/// Label for label; `why` says who does not know the names.
MatchedDataset match_by_number(const std::shared_ptr<const Dataset>& data, const std::string& name,
                               const std::vector<std::string>& model_names, int64_t classes,
                               const std::string& why) {
  if (data->classes() != classes) {
    throw UsageError(fmt::format("the model has {} classes, data {} has {}, and {}", classes, name,
                                 data->classes(), why));
  }
  const std::string note = fmt::format("{}: class 0 is taken for '{}', and so on in their order",
                                       why, data->class_names().front());
  if (model_names.empty()) return {data, {note}};
  return {std::make_shared<const Dataset>(data->with_labels(data->labels(), model_names)), {note}};
}

std::vector<std::string> names_with_pictures(const Dataset& data) {
  std::vector<std::string> names;
  const std::vector<int64_t> sizes = data.class_sizes();
  for (size_t c = 0; c < sizes.size(); ++c) {
    if (sizes[c] > 0) names.push_back(data.class_names()[c]);
  }
  return names;
}

}  // namespace

MatchedDataset match_classes(const std::shared_ptr<const Dataset>& data, const std::string& name,
                             const std::vector<std::string>& model_names, int64_t classes,
                             ClassMatch match) {
  const std::vector<std::string>& own = data->class_names();
  if (own == model_names) return {data, {}};
  if (model_names.empty()) {
    return match_by_number(data, name, model_names, classes,
                           "the model does not say what its classes are called");
  }
  if (!data->names_known()) {
    return match_by_number(data, name, model_names, classes,
                           "the data do not say what their classes are called");
  }
  if (data->in_memory() && are_numbers(model_names)) {
    return match_by_number(data, name, model_names, classes,
                           "the model's classes are called by numbers");
  }
  const bool same = match == ClassMatch::kSame;
  const std::vector<std::string> wanted = same ? own : names_with_pictures(*data);
  const ClassPlaces places = find_classes(wanted, model_names);
  if (!places.unknown.empty()) {
    throw UsageError(
        fmt::format("data {}: the model has no class {}; it has {}. --labels FILE gives its "
                    "classes other names, a line each",
                    name, quoted_names(places.unknown), quoted_names(model_names)));
  }
  if (!places.twice.empty()) {
    throw UsageError(fmt::format(
        "data {}: the model has more than one class {}: --labels FILE gives its classes other "
        "names, a line each",
        name, quoted_names(places.twice)));
  }
  if (same && wanted.size() != model_names.size()) {
    throw UsageError(fmt::format("data {}: there is no class {}, which the model has", name,
                                 quoted_names(find_classes(model_names, own).unknown)));
  }
  std::vector<int32_t> labels;
  labels.reserve(data->labels().size());
  const ClassPlaces all = find_classes(own, model_names);
  for (const int32_t label : data->labels()) labels.push_back(all.at[static_cast<size_t>(label)]);
  MatchedDataset matched{
      std::make_shared<const Dataset>(data->with_labels(std::move(labels), model_names)), {}};
  if (wanted.size() != model_names.size()) {
    matched.notes.push_back(
        fmt::format("data {}: pictures of {} of the model's {} classes, judged "
                    "by name",
                    name, wanted.size(), model_names.size()));
  }
  return matched;
}

}  // namespace vitrine
