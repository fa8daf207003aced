#include "apps/runs/given_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "apps/runs/recipe.hpp"
#include "models/data/augment_table.hpp"
#include "models/training/option_table.hpp"

namespace vitrine {
namespace {

using nlohmann::json;
using Texts = std::vector<std::string>;

/// 1e-06 as it is, 0.08333333333333333 as 1/12.
std::string short_number(double value) {
  constexpr size_t kShort = 8;
  std::string text = fmt::format("{}", value);
  for (int below = 3; text.size() > kShort && below <= 12; ++below) {
    const double above = std::round(value * below);
    if (above / below == value) text = fmt::format("{}/{}", above, below);
  }
  return text;
}

template <class Names>
Texts list_of(const Names& names) {
  Texts list;
  for (const auto& name : names) {
    if constexpr (std::is_convertible_v<decltype(name), std::string_view>) {
      list.emplace_back(name);
    } else {
      list.emplace_back(name.second);
    }
  }
  return list;
}

bool is_opposite(const OptionEntry& entry) { return entry.flag.starts_with("--no-"); }

/// "images per step [128; 1 to 1000000]".
std::string described(const OptionEntry& entry, const std::string& usual) {
  const Values& values = entry.values;
  std::string text(entry.help);
  if (!values.described.empty()) text += fmt::format(": {}", values.described);
  if (!entry.flag.empty()) {
    text += fmt::format("; in files {}{}", entry.key, is_opposite(entry) ? "=false" : "");
  }
  const std::string range = values.words();
  if (usual.empty() && range.empty()) return text;
  const std::string brackets = fmt::format("[{}{}{}]", usual, range.empty() ? "" : "; ", range);
  return fmt::format("{} {}", text, kept_together(brackets));
}

/// The f that declares the options of a table as flags (core/text/option_entry.hpp); the values are
/// the defaults.
class FlagDeclarer {
 public:
  /// `object`: where in config.json the options are, "" for the outermost.
  FlagDeclarer(CLI::App& command, const std::shared_ptr<GivenOptions>& given, HelpAll& help_all,
               std::string object)
      : command_(command), given_(given), help_all_(help_all), object_(std::move(object)) {}

  template <class T, class... Names>
  void operator()(const OptionEntry& entry, const T& usual, const Names&... names) {
    if (entry.listed == Listed::kAsCommon) return;
    Option option = declare(entry, usual, names...);
    option.group(std::string(entry.section));
    if (entry.listed == Listed::kInHelpAll) help_all_.alone_lists(option);
  }

 private:
  Option declare(const OptionEntry& entry, const bool& usual) {
    const bool opposite = is_opposite(entry);
    return add<bool>(entry, usual != opposite ? "true" : "false",
                     [opposite](const bool& v) { return v != opposite; })
        .value_if_alone("true")
        .values("[BOOL]");
  }
  Option declare(const OptionEntry& entry, const std::string& usual) {
    return add<std::string>(entry, usual);
  }
  Option declare(const OptionEntry& entry, const Texts&) { return add<Texts>(entry, ""); }
  template <class Number>
  Option declare(const OptionEntry& entry, const Number& usual) {
    const double low = entry.values.low.value;
    Option option = add<Number>(entry, short_number(static_cast<double>(usual)));
    return std::isfinite(low) && low < 0 ? option : option.not_negative();
  }
  template <class T, class Names>
  Option declare(const OptionEntry& entry, const T& usual, const Names& names) {
    const Texts list = list_of(names);
    std::string name;
    if constexpr (std::is_enum_v<T>) name = name_of(names, usual);
    return add<std::string>(entry, name)
        .one_of(list)
        .values(fmt::format("{}", fmt::join(list, "|")));
  }

  /// `usual` is for help; `meant` turns the flag's value into the option's.
  template <class T, class Meant = std::identity>
  Option add(const OptionEntry& entry, const std::string& usual, Meant meant = {}) {
    std::string flag(entry.flag);
    if (flag.empty()) flag = fmt::format("--{}", entry.key);
    std::ranges::replace(flag, '_', '-');
    const auto keep = [o = given_, object = object_, key = std::string(entry.key), flag,
                       meant](const T& v) {
      (object.empty() ? o->flags : o->flags[object])[key] = meant(v);
      const std::string path = object.empty() ? key : fmt::format("{}.{}", object, key);
      if constexpr (std::is_same_v<T, Texts>) {
        o->typed[path] = flag;
      } else {
        o->typed[path] = fmt::format("{} {}", flag, v);
      }
    };
    return add_option_function<T>(command_, flag, keep, described(entry, usual));
  }

  CLI::App& command_;
  const std::shared_ptr<GivenOptions>& given_;
  HelpAll& help_all_;
  std::string object_;
};

}  // namespace

void add_run_options(CLI::App& command, const std::shared_ptr<GivenOptions>& given,
                     HelpAll& help_all) {
  add_option(command, "--recipe", given->recipe,
             fmt::format("options from a file, or one of {}", fmt::join(recipe_names(), ", ")));
  add_option(command, "--set", given->set,
             "KEY=VALUE for an option under its name in config.json: min_lr=0 for --min-lr 0, of "
             "augmentation augment.flip=0.5; wins over the recipe, and flags win over it");
  const RunOptions usual;
  FlagDeclarer outermost(command, given, help_all, "");
  each_run_option(usual, outermost);
  FlagDeclarer of_augment(command, given, help_all, "augment");
  each_augment_option(usual.augment, in_section("Augmentation", of_augment));
}

json resolved(const GivenOptions& given) {
  json all = json::object();
  if (!given.recipe.empty()) all = read_recipe(given.recipe);
  for (const std::string& assignment : given.set) set_option(all, assignment);
  all.merge_patch(given.flags);
  return all;
}

UsageError as_typed(const OptionError& e, const GivenOptions& given) {
  const auto refused = [&](const std::string& words) {
    return UsageError(fmt::format("{}: must be {}", words, e.wanted()));
  };
  const auto flag = given.typed.find(e.key());
  if (flag != given.typed.end()) return refused(flag->second);
  for (const std::string& assignment : given.set) {
    if (assignment.starts_with(e.key() + "=")) return refused("--set " + assignment);
  }
  return UsageError(given.recipe.empty() ? e.what()
                                         : fmt::format("--recipe {}: {}", given.recipe, e.what()));
}

}  // namespace vitrine
