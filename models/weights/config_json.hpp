#pragma once

#include <fmt/format.h>

#include <string_view>

#include "core/error.hpp"
#include "core/text/json_problem.hpp"
#include "core/text/json_text.hpp"

// How configuration files of others are read: what does not fit is a FormatError.

namespace vitrine {

/// A JSON object, or a FormatError.
inline nlohmann::json parse_object(std::string_view text, std::string_view path) {
  try {
    nlohmann::json object = parse_json(text);
    if (object.is_object()) return object;
    dissolve(object);
  } catch (const nlohmann::json::exception& e) {
    throw FormatError(FormatKind::kBadHeader, path, -1,
                      fmt::format("not a JSON object: {}", json_problem(e)));
  }
  throw FormatError(FormatKind::kBadHeader, path, -1, "not a JSON object");
}

/// Whether the text is a JSON object with a text under this key.
inline bool has_text(std::string_view config, const char* key) {
  nlohmann::json object = try_parse_json(config);
  const Dissolved at_the_end(object);
  return object.is_object() && object.contains(key) && object[key].is_string();
}

/// Runs `read`, which takes values out of JSON; what does not fit is a FormatError.
template <class Read>
auto reading(std::string_view path, Read read) {
  try {
    return read();
  } catch (const nlohmann::json::exception& e) {
    throw FormatError(FormatKind::kBadHeader, path, -1, json_problem(e));
  } catch (const UsageError& e) {
    throw FormatError(FormatKind::kBadHeader, path, -1, e.what());
  }
}

/// A number, or [height, width].
inline void read_size(const nlohmann::json& value, int64_t& height, int64_t& width) {
  if (value.is_array()) {
    height = read_json<int64_t>(value.at(0));
    width = read_json<int64_t>(value.at(1));
  } else {
    height = width = read_json<int64_t>(value);
  }
}

}  // namespace vitrine
