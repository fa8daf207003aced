#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

// JSON from text and back. Compiled once: in every file that called them, nlohmann's templates
// would take longer to compile than all the rest of it.

namespace vitrine {

/// Throws nlohmann::json::exception, which says where, if the text is not JSON.
nlohmann::json parse_json(std::string_view text);

/// A value that is_discarded() if the text is not JSON.
nlohmann::json try_parse_json(std::string_view text);

/// On one line, or indented by so many blanks per level. Throws nlohmann::json::exception if a text
/// in it is not UTF-8.
std::string write_json(const nlohmann::json& value, int indent = -1);

/// On one line; what is not UTF-8 becomes U+FFFD: for file names, which can be anything.
std::string write_json_lossy(const nlohmann::json& value);

}  // namespace vitrine
