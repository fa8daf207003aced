#include "core/text/json_problem.hpp"

#include <fmt/format.h>

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

}  // namespace vitrine
