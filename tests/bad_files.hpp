#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "tests/golden_path.hpp"
#include "tests/sanitized.hpp"

// The malformed, hostile and borderline files of golden/bad: each must get its verdict, within the
// manifest's limits of time and memory.

namespace vitrine::test {

/// Peak memory in bytes since reset_peak(), from /proc; nothing where that does not exist.
inline std::optional<int64_t> peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return std::nullopt;
}
inline void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

/// A file or pair of a case, as absolute paths: `file`, or the two of `files`.
struct BadCase {
  nlohmann::json facts;
  std::string path(const std::string& role = "") const {
    const nlohmann::json& name = role.empty() ? facts.at("file") : facts.at("files").at(role);
    return (golden_dir() / "bad" / name.get<std::string>()).string();
  }
  bool is_pair() const { return facts.contains("files"); }
};

/// Calls `load` with every case of a format. It must throw a FormatError of a fitting kind where
/// the manifest expects an error, and check the content itself where that is "ok".
inline void check_bad_files(const std::string& format,
                            const std::function<void(const BadCase&)>& load) {
  const auto manifest = golden_manifest("bad");
  if (!manifest) return;
  const double seconds = manifest->at("limits").at("seconds_per_file");
  const int64_t mebibytes = manifest->at("limits").at("resident_MiB");
  int cases = 0;
  for (const nlohmann::json& facts : manifest->at("cases")) {
    if (facts.at("format") != format) continue;
    ++cases;
    const std::string expect = facts.at("expect");
    const std::vector<std::string> kinds = facts.at("kinds");
    CAPTURE(facts.at("id").get<std::string>(), facts.at("why").get<std::string>(), expect, kinds);

    reset_peak();
    const auto before = peak_bytes();
    const auto start = std::chrono::steady_clock::now();
    std::string kind;
    std::string message;
    try {
      load({facts});
    } catch (const FormatError& error) {
      kind = format_kind_name(error.kind());
      message = error.what();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    CAPTURE(kind, message);
    if (kind.empty()) {
      CHECK(expect != "error");
    } else {
      CHECK(expect != "ok");
      CHECK(std::find(kinds.begin(), kinds.end(), kind) != kinds.end());
      CHECK(message.find('\n') == std::string::npos);
    }
    if (!kSanitized) {
      CHECK(took.count() < seconds);
      if (before) CHECK(*peak_bytes() - *before < mebibytes << 20);
    }
  }
  CHECK(cases > 0);
}

}  // namespace vitrine::test
