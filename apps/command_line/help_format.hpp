#pragma once

#include <CLI/CLI.hpp>
#include <set>
#include <string>
#include <string_view>

namespace vitrine {

/// A blank at which help does not break a line.
inline constexpr std::string_view kNoBreak = "\u00a0";

/// Help whose lines fit a terminal; the options that all commands have come last.
class HelpFormat : public CLI::Formatter {
 public:
  HelpFormat();
  /// Of help, but not of all help.
  void leave_out(const CLI::Option* option) { left_out_.insert(option); }

 private:
  std::string make_help(const CLI::App* command, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_description(const CLI::App* command) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_footer(const CLI::App* command) const override;

  std::string make_sections(const CLI::App* command, bool all) const;

  std::set<const CLI::Option*> left_out_;
};

}  // namespace vitrine
