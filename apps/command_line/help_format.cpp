#include "apps/command_line/help_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "apps/command_line/command.hpp"
#include "apps/terminal/wrap_text.hpp"

namespace vitrine {
namespace {

constexpr int kLeft = 30;  // columns of the names

std::string wrapped(const std::string& text) {
  const std::string lines = wrap_text(text, kColumns - kLeft, "");
  return CLI::detail::find_and_replace(lines, std::string(kNoBreak), " ");
}

}  // namespace

HelpFormat::HelpFormat() { column_width(kLeft); }

std::string HelpFormat::make_option_desc(const CLI::Option* option) const {
  return wrapped(CLI::Formatter::make_option_desc(option));
}

std::string HelpFormat::make_description(const CLI::App* command) const {
  return wrap_text(command->get_description()) + "\n";
}

std::string HelpFormat::make_help(const CLI::App* command, std::string name,
                                  CLI::AppFormatMode mode) const {
  const bool all = mode == CLI::AppFormatMode::All;
  std::string text = make_description(command) + make_usage(command, std::move(name)) +
                     make_positionals(command) + make_sections(command, all) +
                     make_subcommands(command, mode) + "\n" + make_footer(command);
  if (!all && !left_out_.empty()) {
    text += fmt::format("--help-all lists {} more options.\n", left_out_.size());
  }
  return text;
}

std::string HelpFormat::make_sections(const CLI::App* command, bool all) const {
  std::vector<std::string> groups = command->get_groups();
  std::ranges::stable_partition(groups, [](const auto& group) { return group != kCommonHeading; });
  std::string text;
  for (const std::string& group : groups) {
    const auto listed = command->get_options([&](const CLI::Option* option) {
      return option->get_group() == group && option->nonpositional() &&
             (all || !left_out_.contains(option));
    });
    if (!listed.empty()) text += make_group(group, false, listed);
  }
  return text;
}

std::string HelpFormat::make_subcommand(const CLI::App* command) const {
  std::stringstream out;
  CLI::detail::format_help(out, command->get_display_name(true),
                           wrapped(command->get_description()), kLeft);
  return out.str();
}

std::string HelpFormat::make_footer(const CLI::App* command) const {
  const std::string footer = command->get_footer();
  return footer.empty() ? "" : wrap_text(footer, kColumns, "") + "\n";
}

}  // namespace vitrine
