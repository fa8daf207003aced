#include "apps/options.hpp"

#include <CLI/CLI.hpp>
#include <optional>

namespace vitrine {

template <class Number>
Option& Option::range(Number lowest, Number highest) {
  option_->check(CLI::Range(lowest, highest));
  return *this;
}

Option& Option::positive() {
  option_->check(CLI::PositiveNumber);
  return *this;
}

Option& Option::not_negative() {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}

Option& Option::one_of(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
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

Option& Option::group(const std::string& heading) {
  option_->group(heading);
  return *this;
}

template <class T>
Option add_option(CLI::App& command, const std::string& names, T& value, const std::string& help) {
  return Option(command.add_option(names, value, help));
}

template <class T>
Option add_option_function(CLI::App& command, const std::string& names,
                           const std::function<void(const T&)>& use, const std::string& help) {
  return Option(command.add_option_function<T>(names, use, help));
}

Option add_flag(CLI::App& command, const std::string& names, bool& value, const std::string& help) {
  return Option(command.add_flag(names, value, help));
}

using Text = std::string;
using Texts = std::vector<std::string>;

template Option& Option::range(int, int);
template Option& Option::range(int64_t, int64_t);
template Option& Option::range(double, double);

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
