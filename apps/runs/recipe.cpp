#include "apps/runs/recipe.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/folder_entries.hpp"
#include "core/text/json_problem.hpp"
#include "core/text/json_text.hpp"
#include "core/text/nearest_name.hpp"
#include "models/inference/shared_file.hpp"

namespace vitrine {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr int64_t kMaxBytes = int64_t{1} << 20;

std::string shipped_folder() { return shared_file("apps/recipes/"); }

std::string recipe_file(const std::string& name) {
  std::error_code ignored;
  if (fs::is_regular_file(name, ignored)) return name;
  const std::vector<std::string> names = recipe_names();
  if (names.empty()) {
    throw UsageError(fmt::format(
        "--recipe {}: no such file, and no recipes are near the program; name a recipe's file",
        name));
  }
  if (std::ranges::binary_search(names, name)) return shipped_folder() + name + ".json";
  const std::string nearest = nearest_name(name, names);
  throw UsageError(
      nearest.empty()
          ? fmt::format("--recipe {}: neither a file nor one of {}", name, fmt::join(names, ", "))
          : fmt::format("--recipe {}: no such recipe; did you mean {}?", name, nearest));
}

}  // namespace

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  // No folder, no recipes.
  [[maybe_unused]] const auto unread =
      for_each_entry(shipped_folder(), [&](const std::string& name) {
        if (name.ends_with(".json")) names.push_back(fs::path(name).stem().string());
        return true;
      });
  std::ranges::sort(names);
  return names;
}

json read_recipe(const std::string& name) {
  const std::string path = recipe_file(name);
  const std::vector<std::byte> bytes = read_file(path, kMaxBytes);
  const auto malformed = [&](const std::string& what) {
    return FormatError(FormatKind::kBadHeader, path, -1, what);
  };
  json recipe;
  try {
    recipe = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  } catch (const json::exception& e) {
    throw malformed(json_problem(e));
  }
  if (!recipe.is_object()) throw malformed("a recipe is a JSON object");
  for (const auto& [key, value] : recipe.items()) {
    const bool text = key == "description" || key == "source";
    if (!text && key != "options") {
      throw malformed(
          fmt::format("unknown key '{}'; a recipe has description, source and options", key));
    }
    if (text ? !value.is_string() : !value.is_object()) {
      throw malformed(fmt::format("'{}' must be {}", key, text ? "text" : "an object"));
    }
  }
  if (!recipe.contains("options")) throw malformed("a recipe has options");
  json options = recipe["options"];
  const auto model = options.find("model");
  if (model != options.end() && model->is_object()) *model = write_json(*model);
  return options;
}

void set_option(json& options, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError(fmt::format("--set {}: wants KEY=VALUE", assignment));
  }
  std::string text = assignment.substr(equals + 1);
  json value = try_parse_json(text);
  if (value.is_discarded()) value = std::move(text);
  json* at = &options;
  for (size_t begin = 0;;) {
    const size_t dot = std::min(assignment.find('.', begin), equals);
    const std::string key = assignment.substr(begin, dot - begin);
    if (!at->is_object() || key.empty()) {
      throw UsageError(fmt::format("--set {}: there is no such option", assignment));
    }
    at = &(*at)[key];
    if (dot == equals) break;
    if (at->is_null()) *at = json::object();
    begin = dot + 1;
  }
  *at = std::move(value);
}

}  // namespace vitrine
