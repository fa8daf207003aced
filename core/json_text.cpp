#include "core/json_text.hpp"

#include <limits>

namespace vitrine {

nlohmann::json parse_json(std::string_view text) { return nlohmann::json::parse(text); }

nlohmann::json try_parse_json(std::string_view text) {
  return nlohmann::json::parse(text, nullptr, false);
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
