#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace vitrine {

/// What is wrong with a text that is no JSON, or a value of another type, for people: where the
/// text ends to be JSON, and no names of a library.
std::string json_problem(const nlohmann::json::exception& e);

/// parse_json of options that somebody wrote: what is wrong with the text is a UsageError that
/// begins with `prefix`.
nlohmann::json parse_options(std::string_view prefix, std::string_view text);

}  // namespace vitrine
