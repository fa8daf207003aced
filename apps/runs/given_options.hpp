#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apps/command_line/options.hpp"
#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "core/text/option_error.hpp"

namespace vitrine {

/// Options of a run as the user gave them.
struct GivenOptions {
  std::string recipe;
  std::vector<std::string> set;
  nlohmann::json flags = nlohmann::json::object();  ///< under the names of config.json
  std::map<std::string, std::string> typed;         ///< "augment.flip" was "--flip 2"
};

/// Declares --recipe, --set and a flag for every option of the table
/// (models/training/option_table.hpp), in its sections.
void add_run_options(CLI::App& command, const std::shared_ptr<GivenOptions>& given,
                     HelpAll& help_all);

/// The recipe's options, changed by --set, changed by flags: a JSON object, as config.json has it.
nlohmann::json resolved(const GivenOptions& given);

/// What is wrong with an option, in the words in which the user gave it.
UsageError as_typed(const OptionError& e, const GivenOptions& given);

}  // namespace vitrine
