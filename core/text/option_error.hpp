#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "core/error.hpp"

namespace vitrine {

/// An option with an impossible value. Who knows how the user gave it can say so; else the text is
/// "lr must be above 0 and below 1000, got 5000".
class OptionError : public UsageError {
 public:
  /// `key` is the option's name in files, "augment.flip"; `wanted` fits behind "must be"; `got` is
  /// the value as a file would have it.
  OptionError(std::string_view key, std::string_view wanted, std::string_view got,
              std::string_view prefix = "")
      : UsageError(fmt::format("{}{} must be {}, got {}", prefix, key, wanted, got)),
        key_(key),
        wanted_(wanted),
        got_(got) {}

  const std::string& key() const { return key_; }
  const std::string& wanted() const { return wanted_; }
  const std::string& got() const { return got_; }

  /// The same of an option within another: "augment." before the key; and before all the text, what
  /// the options are of.
  OptionError within(std::string_view object, std::string_view prefix = "") const {
    return {fmt::format("{}{}", object, key_), wanted_, got_, prefix};
  }

 private:
  std::string key_, wanted_, got_;
};

/// Throws OptionError unless `good`.
template <class T>
void require_option(bool good, std::string_view key, std::string_view wanted, const T& got) {
  if (!good) throw OptionError(key, wanted, fmt::format("{}", got));
}

}  // namespace vitrine
