#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/enum_names.hpp"
#include "core/error.hpp"
#include "core/nearest_name.hpp"

namespace vitrine {

/// Options as a JSON object. A list of options is written once, as a function that calls
/// f(key, value) for each, or f(key, value, names) for an enumeration; writing passes an
/// OptionWriter for f, reading an OptionReader.
class OptionWriter {
 public:
  template <class T>
  void operator()(const char* key, const T& value) {
    object[key] = value;
  }
  template <class Enum, size_t N>
  void operator()(const char* key, Enum value, const EnumNames<Enum, N>& names) {
    object[key] = name_of(names, value);
  }

  nlohmann::json object = nlohmann::json::object();
};

/// What is left out keeps its value. Throws UsageError (unknown names, with
/// the nearest known one) and json::exception (values
/// of another type).
class OptionReader {
 public:
  explicit OptionReader(std::string_view text) : object_(nlohmann::json::parse(text)) {
    if (!object_.is_object()) throw UsageError("not a JSON object");
  }

  template <class T>
  void operator()(const char* key, T& value) {
    take(key, [&](const nlohmann::json& v) { v.get_to(value); });
  }
  template <class Enum, size_t N>
  void operator()(const char* key, Enum& value, const EnumNames<Enum, N>& names) {
    take(key, [&](const nlohmann::json& v) { value = value_of(names, key, v.get<std::string>()); });
  }
  /// use(value), if the key is there.
  template <class Use>
  void take(const char* key, Use&& use) {
    known_.emplace_back(key);
    const auto found = object_.find(key);
    if (found == object_.end()) return;
    use(*found);
    object_.erase(found);
  }
  void refuse_unknown() const {
    if (object_.empty()) return;
    const std::string& key = object_.begin().key();
    const std::string nearest = nearest_name(key, known_);
    throw UsageError(nearest.empty()
                         ? fmt::format("unknown key '{}'", key)
                         : fmt::format("unknown key '{}'; did you mean '{}'?", key, nearest));
  }

 private:
  nlohmann::json object_;
  std::vector<std::string> known_;
};

}  // namespace vitrine
