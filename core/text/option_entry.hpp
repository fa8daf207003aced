#pragma once

#include <fmt/format.h>

#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/text/option_error.hpp"

namespace vitrine {

/// An end of a range: a number, or the value that another option has.
struct RangeEnd {
  constexpr RangeEnd(double number) : value(number) {}
  constexpr RangeEnd(std::string_view other, double its_value) : value(its_value), key(other) {}

  double value;
  std::string_view key;  ///< of the other option; "" for a number
};

/// Which values an option may have; by default all.
///   between(0, 1), above(0).below(1000), between(0, {"lr", o.lr}), like("FILE or DIR")
struct Values {
  RangeEnd low = -std::numeric_limits<double>::infinity();
  RangeEnd high = std::numeric_limits<double>::infinity();
  bool above_low = false, below_high = false;  ///< the end itself is not allowed
  bool or_zero = false;                        ///< 0 is allowed too
  std::string_view zero = {};                  ///< what 0 stands for, where it is the low end
  std::string_view described = {};             ///< of texts: what they may be

  constexpr Values at_most(RangeEnd end) const {
    Values values = *this;
    values.high = end;
    return values;
  }
  constexpr Values below(RangeEnd end) const {
    Values values = at_most(end);
    values.below_high = true;
    return values;
  }

  bool allow(double value) const;
  /// "above 0, at most 1"; "" where there is no range.
  std::string words() const;
  /// What a value that is not allowed must be: the same, with the values of other options, as in
  /// "0 to lr (0.001)"; of a range that is open at both ends the one that was overstepped.
  std::string wanted(double value) const;
};

constexpr Values at_least(RangeEnd low) { return {.low = low}; }
constexpr Values above(RangeEnd low) { return {.low = low, .above_low = true}; }
constexpr Values between(RangeEnd low, RangeEnd high) { return at_least(low).at_most(high); }
constexpr Values like(std::string_view words) { return {.described = words}; }

/// Where an option is listed.
enum class Listed {
  kInHelpAll,
  kInHelp,    ///< there too: few, which most people need
  kAsCommon,  ///< with the options that all commands have
};

/// What is known of an option besides its value.
///
/// A table of options is a function template that calls f(entry, value), or f(entry, value, names)
/// where values have names, for each member of a struct. Whatever is done with options (read,
/// write, check, declare as flags, list in help) is an f for the table.
struct OptionEntry {
  const char* key;  ///< in files
  std::string_view help;
  Values values = {};
  Listed listed = Listed::kInHelpAll;
  /// "" for that of the key: "--min-lr" for "min_lr". "--no-..." is the opposite of a truth value.
  std::string_view flag = {};
  std::string_view section = {};  ///< of help
};

/// An f for part of a table, which is a section of help.
template <class F>
auto in_section(std::string_view section, F& f) {
  return [section, &f](OptionEntry entry, auto& value, const auto&... names) {
    entry.section = section;
    f(entry, value, names...);
  };
}

/// The f that writes or reads: with an OptionWriter or OptionReader (core/text/json_options.hpp).
template <class F>
auto by_key(F& f) {
  return [&f](const OptionEntry& entry, auto& value, const auto&... names) {
    if constexpr (std::is_enum_v<std::remove_cvref_t<decltype(value)>>) {
      f(entry.key, value, names...);
    } else {
      f(entry.key, value);
    }
  };
}

/// The f that checks: throws OptionError for a number out of its range.
inline constexpr auto kCheckRange = [](const OptionEntry& entry, const auto& value,
                                       const auto&...) {
  using T = std::remove_cvref_t<decltype(value)>;
  if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
    const auto number = static_cast<double>(value);
    if (entry.values.allow(number)) return;
    throw OptionError(entry.key, entry.values.wanted(number), fmt::format("{}", value));
  }
};

}  // namespace vitrine
