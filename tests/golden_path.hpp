#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tests/skipped.hpp"

namespace vitrine::test {

/// Where the golden data is: $VITRINE_GOLDEN, else ../shared/golden where that exists, else the
/// subset in tests/golden/data. Its README describes the format.
inline std::filesystem::path golden_dir() {
  if (const char* dir = std::getenv("VITRINE_GOLDEN"); dir != nullptr && *dir != '\0') return dir;
  if (std::filesystem::is_directory("../shared/golden")) return "../shared/golden";
  return "tests/golden/data";
}

/// The manifest of a family such as "bad". If it is not there, nothing, and a line that says so; in
/// CI, where $CI is set, that is a failure.
inline std::optional<nlohmann::json> golden_manifest(const std::string& family) {
  const std::filesystem::path path = golden_dir() / family / "manifest.json";
  std::ifstream file(path);
  if (!file) {
    if (std::getenv("CI") != nullptr) FAIL("there is no " << path);
    say_skipped("there is no " + path.string());
    return std::nullopt;
  }
  return nlohmann::json::parse(file);
}

}  // namespace vitrine::test
