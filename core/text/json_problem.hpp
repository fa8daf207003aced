#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace vitrine {

/// What is wrong with a text that is no JSON, or a value of another type, for people: where the
/// text ends to be JSON, and no names of a library.
std::string json_problem(const nlohmann::json::exception& e);

}  // namespace vitrine
