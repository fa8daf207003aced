#include "core/text/json_problem.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/text/json_text.hpp"

namespace vitrine {

std::string json_problem(const nlohmann::json::exception& e) {
  if (const auto* parsing = dynamic_cast<const nlohmann::json::parse_error*>(&e)) {
    return fmt::format("not JSON from byte {} on", parsing->byte);
  }
  // "[json.exception.type_error.302] type must be number, but is string"
  const std::string text = e.what();
  const size_t end = text.starts_with('[') ? text.find("] ") : std::string::npos;
  return end == std::string::npos ? text : text.substr(end + 2);
}

nlohmann::json parse_options(std::string_view prefix, std::string_view text) {
  try {
    return parse_json(text);
  } catch (const nlohmann::json::exception& e) {
    throw UsageError(fmt::format("{}{}", prefix, json_problem(e)));
  }
}

}  // namespace vitrine
