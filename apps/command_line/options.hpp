#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// How commands declare their options. CLI11 reads and checks them; its header, which takes longer
// to compile than a command, stays in options.cpp, command.cpp and main.cpp.

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace vitrine {

class HelpFormat;

/// An option that was declared; the calls chain.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option& range(double lowest, double highest);
  Option& positive();
  Option& not_negative();
  Option& one_of(const std::vector<std::string>& values);
  Option& required();
  /// Only beside that one.
  Option& needs(const Option& other);
  /// Help names the value that the variable has now.
  Option& show_default();
  /// The flag alone stands for this value.
  Option& value_if_alone(const std::string& value);
  /// What help says may stand behind it, instead of the type of its value.
  Option& values(const std::string& words);
  /// The heading under which help lists it.
  Option& group(const std::string& heading);

 private:
  friend class HelpAll;
  CLI::Option* option_;
};

/// Declares --help-all of a command that has more options than most people need: help that lists
/// all of them.
class HelpAll {
 public:
  /// `legend` stands at the end of both.
  HelpAll(CLI::App& command, const std::string& legend);
  /// --help does not list this one.
  void alone_lists(const Option& option);

 private:
  std::shared_ptr<HelpFormat> format_;
};

/// Declares an option or, without dashes, an argument of the command. T is int, int64_t, uint64_t,
/// double, std::string or a vector of texts.
template <class T>
Option add_option(CLI::App& command, const std::string& names, T& value, const std::string& help);

/// As above; `use` gets the value if the option is used. T is bool, int64_t, double, std::string or
/// a vector of texts.
template <class T>
Option add_option_function(CLI::App& command, const std::string& names,
                           const std::function<void(const T&)>& use, const std::string& help);

/// Words that help shall not break between lines.
std::string kept_together(std::string_view words);

/// True if it is there; it takes no value.
Option add_flag(CLI::App& command, const std::string& names, bool& value, const std::string& help);

}  // namespace vitrine
