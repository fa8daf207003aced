#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/text/enum_names.hpp"
#include "core/text/json_problem.hpp"
#include "core/text/json_text.hpp"
#include "core/text/nearest_name.hpp"
#include "core/text/option_error.hpp"

namespace vitrine {

/// Options as a JSON object. A list of options is written once, as a function that calls
/// f(key, value) for each, or f(key, value, names) for an enumeration; writing passes an
/// OptionWriter for f, reading an OptionReader.
class OptionWriter {
 public:
  OptionWriter() = default;
  ~OptionWriter() { dissolve(object); }
  OptionWriter(const OptionWriter&) = delete;
  OptionWriter& operator=(const OptionWriter&) = delete;

  template <class T>
  void operator()(const char* key, const T& value) {
    object[key] = value;
  }
  template <class Enum, size_t N>
  void operator()(const char* key, Enum value, const EnumNames<Enum, N>& names) {
    object[key] = name_of(names, value);
  }

  /// An image's size: [height, width].
  void size(const char* key, int64_t height, int64_t width) { object[key] = {height, width}; }
  /// A configuration within a configuration; left out if there is none.
  template <class Config>
  void nested(const char* key, const std::optional<Config>& value) {
    if (value) object[key] = value->to_json();
  }

  nlohmann::json object = nlohmann::json::object();
};

/// What a value of this type is called.
template <class T>
constexpr const char* type_words() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_unsigned_v<T>) return "a whole number that is not negative";
  if constexpr (std::is_integral_v<T>) return "a whole number";
  if constexpr (std::is_floating_point_v<T>) return "a number";
  if constexpr (std::is_convertible_v<T, std::string>) return "text";
  return "a list";
}

/// What is left out keeps its value. Throws UsageError: unknown names with the nearest known one,
/// values of another type as OptionError.
class OptionReader {
 public:
  explicit OptionReader(nlohmann::json object) : object_(std::move(object)) {
    if (!object_.is_object()) throw UsageError("not a JSON object");
  }
  ~OptionReader() { dissolve(object_); }
  OptionReader(const OptionReader&) = delete;
  OptionReader& operator=(const OptionReader&) = delete;

  template <class T>
  void operator()(const char* key, T& value) {
    take(key, [&](const nlohmann::json& v) { read_json(v, value); }, type_words<T>());
  }
  /// A list of names; one may stand alone, "" is none.
  void operator()(const char* key, std::vector<std::string>& value) {
    const auto read = [&](const nlohmann::json& v) {
      if (!v.is_string()) return read_json(v, value);
      value = {v.get<std::string>()};
      if (value.front().empty()) value.clear();
    };
    take(key, read, "a list of texts, or one text");
  }
  template <class Enum, size_t N>
  void operator()(const char* key, Enum& value, const EnumNames<Enum, N>& names) {
    const auto read = [&](const nlohmann::json& v) {
      value = value_of(names, key, v.get<std::string>());
    };
    take(key, read, "text");
  }
  /// [height, width], or one number for both.
  void size(const char* key, int64_t& height, int64_t& width) {
    const auto read = [&](const nlohmann::json& v) {
      read_json(v.is_array() ? v.at(0) : v, height);
      read_json(v.is_array() ? v.at(1) : v, width);
    };
    take(key, read, "a whole number, or [height, width]");
  }
  template <class Config>
  void nested(const char* key, std::optional<Config>& value) {
    take(key, [&](const nlohmann::json& v) {
      value.reset();
      if (!v.is_null()) value = Config::from_json(v);
    });
  }
  /// use(value), if the key is there; `wanted` says what a value must be that use() cannot read.
  template <class Use>
  void take(const char* key, Use&& use, std::string_view wanted = "another value") {
    known_.emplace_back(key);
    const auto found = object_.find(key);
    if (found == object_.end()) return;
    try {
      use(*found);
    } catch (const nlohmann::json::exception&) {
      throw OptionError(key, wanted, shortened(write_json_lossy(*found)));
    }
    dissolve(*found);
    object_.erase(found);
  }
  /// What was not taken.
  const nlohmann::json& rest() const { return object_; }
  /// `elsewhere`: keys that belong into an object within, as "augment.flip".
  void refuse_unknown(const std::vector<std::string>& elsewhere = {}) const {
    if (object_.empty()) return;
    const std::string& key = object_.begin().key();
    std::vector<std::string> names = known_;
    names.insert(names.end(), elsewhere.begin(), elsewhere.end());
    const std::string nearest = nearest_name(key, names);
    throw UsageError(nearest.empty()
                         ? fmt::format("unknown key '{}'", key)
                         : fmt::format("unknown key '{}'; did you mean '{}'?", key, nearest));
  }

 private:
  static std::string shortened(std::string text) {
    constexpr size_t kLongest = 80;
    if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
    return text;
  }

  nlohmann::json object_;
  std::vector<std::string> known_;
};

/// Options from a JSON object: read(options, object) fills them in. Throws UsageError, which begins
/// with `prefix`, for whatever is wrong with it.
template <class Options, class Read>
Options read_options(std::string_view prefix, nlohmann::json object, Read&& read) {
  const Dissolved at_the_end(object);
  const auto refuse = [&](std::string_view what) {
    throw UsageError(fmt::format("{}{}", what.starts_with(prefix) ? "" : prefix, what));
  };
  Options options;
  try {
    if (!object.is_object()) throw UsageError("not a JSON object");
    read(options, std::move(object));
  } catch (const nlohmann::json::exception& e) {
    refuse(json_problem(e));
  } catch (const OptionError& e) {
    throw e.within("", prefix);
  } catch (const UsageError& e) {
    refuse(e.what());
  }
  return options;
}

}  // namespace vitrine
