// golden_check: compares Vitrine with any folder of golden data, led by its manifests alone.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "tests/golden/case.hpp"

namespace vitrine::golden {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUsage =
    "usage: golden_check [--filter KEY=VALUE]... [--list] [--verbose] DIR...\n"
    "  DIR                 a folder with a manifest.json, or a folder of such folders\n"
    "  --filter KEY=VALUE  only cases whose manifest entry has this value; KEY may go deeper\n"
    "                      (id, op, family, params.dim, arch.kind); filters of one key add up,\n"
    "                      filters of different keys must all hold\n"
    "  --list              name the cases instead of running them\n"
    "  --verbose           also print every comparison, and what each skipped case lacks\n";

using Filters = std::map<std::string, std::vector<std::string>>;

struct Options {
  std::vector<fs::path> folders;
  Filters filters;
  bool list = false;
  bool verbose = false;
  bool help = false;
};

struct Totals {
  int passed = 0;
  int failed = 0;
  std::map<std::string, int> skipped;  // by operation or feature

  int skipped_count() const {
    int count = 0;
    for (const auto& [feature, n] : skipped) count += n;
    return count;
  }
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    std::string_view filter;
    if (argument == "--list") {
      options.list = true;
    } else if (argument == "--verbose") {
      options.verbose = true;
    } else if (argument == "--help") {
      options.help = true;
    } else if (argument == "--filter" && i + 1 < argc) {
      filter = argv[++i];
    } else if (argument.starts_with("--filter=")) {
      filter = argument.substr(std::string_view("--filter=").size());
    } else if (argument.starts_with("-")) {
      throw UsageError(fmt::format("unknown option or missing value: {}", argument));
    } else {
      options.folders.emplace_back(argument);
    }
    if (filter.empty()) continue;
    const size_t equals = filter.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      throw UsageError(fmt::format("--filter wants KEY=VALUE, got '{}'", filter));
    }
    options.filters[std::string(filter.substr(0, equals))].emplace_back(filter.substr(equals + 1));
  }
  if (options.folders.empty() && !options.help) throw UsageError("no folder is named");
  return options;
}

/// The value under a key such as "params.dim"; null if there is none.
const Json* look_up(const Json& entry, std::string_view key) {
  const Json* at = &entry;
  while (true) {
    if (!at->is_object()) return nullptr;
    // A whole rest first: keys may contain dots themselves.
    if (const auto whole = at->find(key); whole != at->end()) return &*whole;
    const size_t dot = key.find('.');
    if (dot == std::string_view::npos) return nullptr;
    const auto next = at->find(key.substr(0, dot));
    if (next == at->end()) return nullptr;
    at = &*next;
    key.remove_prefix(dot + 1);
  }
}

bool selected(const Case& c, const std::string& family, const Filters& filters) {
  return std::ranges::all_of(filters, [&](const auto& filter) {
    const auto& [key, values] = filter;
    std::string text;
    if (key == "family") {
      text = family;
    } else if (const Json* value = look_up(c.entry, key)) {
      text = value->is_string() ? value->get<std::string>() : value->dump();
    } else {
      return false;
    }
    return std::ranges::find(values, text) != values.end();
  });
}

/// DIR itself, or the folders in it that have a manifest, by name.
std::vector<fs::path> family_folders(const fs::path& folder) {
  if (!fs::is_directory(folder)) {
    throw UsageError(fmt::format("{}: no such folder", folder.string()));
  }
  if (fs::exists(folder / "manifest.json")) return {folder};
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (fs::exists(entry.path() / "manifest.json")) folders.push_back(entry.path());
  }
  std::ranges::sort(folders);
  return folders;
}

void run_case(const Case& c, const std::string& name, bool verbose, Totals& totals) {
  Result result;
  try {
    c.run(result);
  } catch (const NotOffered& missing) {
    ++totals.skipped[missing.feature];
    if (verbose) fmt::print("skip {}: {} not offered\n", name, missing.feature);
    return;
  } catch (const std::exception& error) {
    result.fail(error.what());
  }
  for (const std::string& feature : result.skipped()) ++totals.skipped[feature];
  const bool good = result.failures().empty();
  ++(good ? totals.passed : totals.failed);
  if (verbose && good) fmt::print("pass {}\n", name);
  for (const std::string& failure : result.failures()) fmt::print("FAIL {}: {}\n", name, failure);
  if (verbose) {
    for (const std::string& line : result.log()) fmt::print("     {}\n", line);
  }
  std::fflush(stdout);
}

void run_family(const fs::path& folder, const Options& options, Totals& totals) {
  ManifestPtr manifest;
  std::vector<Case> cases;
  try {
    manifest = std::make_shared<Manifest>(folder);
    cases = cases_of(manifest);
  } catch (const std::exception& error) {
    fmt::print("FAIL {}: {}\n", folder.string(), error.what());
    ++totals.failed;
    return;
  }
  for (const Case& c : cases) {
    if (!selected(c, manifest->family(), options.filters)) continue;
    const std::string name = manifest->family() + " " + c.id;
    if (options.list) {
      fmt::print("{}\n", name);
      ++totals.passed;
    } else {
      run_case(c, name, options.verbose, totals);
    }
  }
}

int run(const Options& options) {
  if (options.help) {
    fmt::print("{}", kUsage);
    return 0;
  }
  std::vector<fs::path> folders;
  for (const fs::path& folder : options.folders) {
    for (fs::path& found : family_folders(folder)) folders.push_back(std::move(found));
  }
  if (!options.list)
    fmt::print("golden_check: ISA {}, {} threads\n", isa_name(active_isa()), threads());
  Totals totals;
  for (const fs::path& folder : folders) run_family(folder, options, totals);
  if (options.list) return totals.failed == 0 && totals.passed > 0 ? 0 : 1;
  if (!totals.skipped.empty()) fmt::print("skipped, not offered:\n");
  for (const auto& [feature, count] : totals.skipped) fmt::print("  {:4} {}\n", count, feature);
  fmt::print("{} passed, {} failed, {} skipped\n", totals.passed, totals.failed,
             totals.skipped_count());
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw IoError("standard output", "cannot write");
  return totals.failed == 0 && totals.passed > 0 ? 0 : 1;
}

}  // namespace
}  // namespace vitrine::golden

int main(int argc, char** argv) {
  try {
    return vitrine::golden::run(vitrine::golden::parse(argc, argv));
  } catch (const vitrine::UsageError& error) {
    fmt::print(stderr, "golden_check: {}\n{}", error.what(), vitrine::golden::kUsage);
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "golden_check: {}\n", error.what());
    return 1;
  }
}
