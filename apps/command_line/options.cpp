#include "apps/command_line/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "apps/command_line/help_format.hpp"
#include "apps/command_line/parse_number.hpp"
#include "core/text/nearest_name.hpp"

namespace vitrine {

namespace {

/// Refuses texts that are no number, and numbers that `good` refuses with these words.
std::function<std::string(const std::string&)> number_check(std::function<bool(double)> good,
                                                            std::string words) {
  return [good = std::move(good), words = std::move(words)](const std::string& text) {
    double value = 0;
    std::string problem = parse_number(text, value);
    if (!problem.empty() || good(value)) return problem;
    return fmt::format("must be {}, got {}", words, text);
  };
}

/// What every option of a type must be, and its usual form: CLI11's own conversion would read 010
/// as eight, -1 as a large number and nan as one.
template <class T>
CLI::Option* checked(CLI::Option* option) {
  if constexpr (std::is_same_v<T, bool>) {
    option->check([](const std::string& text) {
      constexpr std::array<std::string_view, 8> kKnown = {"true", "false", "yes", "no",
                                                          "on",   "off",   "1",   "0"};
      const bool known = std::ranges::find(kKnown, text) != kKnown.end();
      return known ? "" : "'" + text + "' is neither true nor false";
    });
  } else if constexpr (std::is_arithmetic_v<T>) {
    option->transform(CLI::Validator(
        [](std::string& text) {
          T value{};
          std::string problem = parse_number(text, value);
          if (problem.empty()) text = fmt::to_string(value);
          return problem;
        },
        ""));
  }
  return option;
}

}  // namespace

Option& Option::range(double lowest, double highest) {
  const std::string words = fmt::format("{} to {}", lowest, highest);
  const auto within = [=](double v) { return lowest <= v && v <= highest; };
  option_->check(number_check(within, words), words);
  return *this;
}

Option& Option::positive() {
  option_->check(number_check([](double v) { return v > 0; }, "above 0"));
  return *this;
}

Option& Option::not_negative() {
  option_->check(number_check([](double v) { return v >= 0; }, "0 or above"));
  return *this;
}

Option& Option::one_of(const std::vector<std::string>& values) {
  const std::string list = fmt::format("{}", fmt::join(values, ", "));
  option_->check(
      [values, list](const std::string& text) {
        if (std::ranges::find(values, text) != values.end()) return std::string();
        const std::string nearest = did_you_mean(text, values);
        return fmt::format("unknown '{}'{} known are {}", text, nearest.empty() ? ";" : nearest,
                           list);
      },
      fmt::format("{{{}}}", fmt::join(values, ",")));
  return *this;
}

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::needs(const Option& other) {
  option_->needs(other.option_);
  return *this;
}

Option& Option::show_default() {
  option_->capture_default_str();
  return *this;
}

Option& Option::value_if_alone(const std::string& value) {
  option_->expected(0, 1)->default_str(value);
  return *this;
}

Option& Option::values(const std::string& words) {
  option_->option_text(words);
  return *this;
}

Option& Option::group(const std::string& heading) {
  option_->group(heading);
  return *this;
}

HelpAll::HelpAll(CLI::App& command, const std::string& legend)
    : format_(std::make_shared<HelpFormat>()) {
  command.set_help_all_flag("--help-all", "Print this message with all options and exit");
  command.formatter(format_);
  command.footer(legend);
}

void HelpAll::alone_lists(const Option& option) { format_->leave_out(option.option_); }

template <class T>
Option add_option(CLI::App& command, const std::string& names, T& value, const std::string& help) {
  return Option(checked<T>(command.add_option(names, value, help)));
}

template <class T>
Option add_option_function(CLI::App& command, const std::string& names,
                           const std::function<void(const T&)>& use, const std::string& help) {
  return Option(checked<T>(command.add_option_function<T>(names, use, help)));
}

std::string kept_together(std::string_view words) {
  return CLI::detail::find_and_replace(std::string(words), " ", std::string(kNoBreak));
}

Option add_flag(CLI::App& command, const std::string& names, bool& value, const std::string& help) {
  return Option(command.add_flag(names, value, help));
}

using Text = std::string;
using Texts = std::vector<std::string>;

template Option add_option(CLI::App&, const Text&, int&, const Text&);
template Option add_option(CLI::App&, const Text&, int64_t&, const Text&);
template Option add_option(CLI::App&, const Text&, uint64_t&, const Text&);
template Option add_option(CLI::App&, const Text&, double&, const Text&);
template Option add_option(CLI::App&, const Text&, Text&, const Text&);
template Option add_option(CLI::App&, const Text&, Texts&, const Text&);

template Option add_option_function(CLI::App&, const Text&, const std::function<void(const bool&)>&,
                                    const Text&);
template Option add_option_function(CLI::App&, const Text&,
                                    const std::function<void(const int64_t&)>&, const Text&);
template Option add_option_function(CLI::App&, const Text&,
                                    const std::function<void(const double&)>&, const Text&);
template Option add_option_function(CLI::App&, const Text&, const std::function<void(const Text&)>&,
                                    const Text&);
template Option add_option_function(CLI::App&, const Text&,
                                    const std::function<void(const Texts&)>&, const Text&);

}  // namespace vitrine
