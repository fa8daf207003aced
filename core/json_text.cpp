#include "core/json_text.hpp"

#include <fmt/format.h>

#include <limits>

namespace vitrine {

nlohmann::json parse_json(std::string_view text) {
  using nlohmann::json;
  const auto check = [](int depth, json::parse_event_t event, const json&) {
    const bool deeper =
        event == json::parse_event_t::array_start || event == json::parse_event_t::object_start;
    if (!deeper || depth < kMaxJsonDepth) return true;
    throw json::out_of_range::create(
        408, fmt::format("lists or objects within each other, more than {} deep", kMaxJsonDepth),
        nullptr);
  };
  return json::parse(text, check);
}

nlohmann::json try_parse_json(std::string_view text) {
  try {
    return parse_json(text);
  } catch (const nlohmann::json::exception&) {
    return nlohmann::json(nlohmann::json::value_t::discarded);
  }
}

std::string write_json(const nlohmann::json& value, int indent) { return value.dump(indent); }

std::string write_json_lossy(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void require_integers(const nlohmann::json& value, bool is_signed) {
  const auto is_integer = [&](const nlohmann::json& v) {
    if (!v.is_number()) return true;  // which type it should have, get_to says
    if (v.is_number_unsigned()) {
      return !is_signed || v.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()};
    }
    return v.is_number_integer() && (is_signed || v.get<int64_t>() >= 0);
  };
  const auto check = [&](const nlohmann::json& v) {
    if (is_integer(v)) return;
    throw nlohmann::json::type_error::create(302, "not an integer that fits: " + v.dump(), &v);
  };
  if (!value.is_array()) return check(value);
  for (const nlohmann::json& element : value) check(element);
}

}  // namespace vitrine
