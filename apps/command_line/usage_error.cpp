#include "apps/command_line/usage_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "core/text/nearest_name.hpp"

namespace vitrine {
namespace {

/// A command that was named, and its full name.
struct Named {
  const CLI::App* command;
  std::string name;
};

/// The first of the commands that were named to which words were given that it does not know, or
/// else the innermost.
Named concerned(const CLI::App& app) {
  Named named{&app, app.get_name()};
  while (named.command->remaining_size() == 0 && !named.command->get_subcommands().empty()) {
    named.command = named.command->get_subcommands().front();
    named.name += " " + named.command->get_name();
  }
  return named;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  return names;
}

/// What is wrong with words that nobody took.
std::string unknown_word(const CLI::App& command, const std::vector<std::string>& words) {
  const bool group = !command_names(command).empty();
  const auto is_option = [](const std::string& word) { return word.starts_with('-'); };
  const auto first =
      std::ranges::find_if(words, [&](const std::string& w) { return is_option(w) != group; });
  const std::string word = first == words.end() ? words.front() : *first;
  std::vector<std::string> known = option_names(command);
  if (is_option(word)) {
    const std::string name = word.substr(0, word.find('='));
    // Any letter is near to any other.
    return fmt::format("unknown option '{}'{}", name,
                       name.size() > 2 ? did_you_mean(name, known) : "");
  }
  if (!group) return fmt::format("'{}' was not expected here", word);
  const std::vector<std::string> commands = command_names(command);
  known.insert(known.begin(), commands.begin(), commands.end());
  return fmt::format("unknown command '{}'{}", word, did_you_mean(word, known));
}

}  // namespace

std::string usage_error(const CLI::App& app, const CLI::Error& error) {
  const auto [command, name] = concerned(app);
  std::string text = error.what();
  const std::vector<std::string> words = command->remaining();
  if (!words.empty()) {
    text = unknown_word(*command, words);
  } else if (text == "A subcommand is required") {
    text = fmt::format("name a command: {}", fmt::join(command_names(*command), ", "));
  } else if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    // "--lr: 1 required FLOAT missing", "--lr: At Most 1 required but received 2"
    const std::string option = text.substr(0, text.find(':'));
    text = text.ends_with("missing") ? option + ": its value is missing"
                                     : option + " was given more than once";
  }
  if (text.ends_with('?')) return fmt::format("{} See {} --help", text, name);
  return fmt::format("{}; see {} --help", text, name);
}

}  // namespace vitrine
