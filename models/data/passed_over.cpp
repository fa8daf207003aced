#include "models/data/passed_over.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "models/data/picture_files.hpp"

namespace vitrine {
namespace {

constexpr size_t kMostKinds = 6;       // that a line names
constexpr size_t kLongExtension = 10;  // what is longer is no extension

bool is_word(const std::string& text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

}  // namespace

void PassedOver::add_file(const std::string& name) {
  const std::string extension = extension_of(name);
  if (extension.empty()) {
    add("without an extension");
  } else if (extension.size() > kLongExtension || !is_word(extension)) {
    add("of other kinds");
  } else {
    add("." + extension);
  }
}

std::string PassedOver::text() const {
  std::vector<std::pair<std::string, int64_t>> kinds(counts_.begin(), counts_.end());
  std::ranges::stable_sort(kinds, std::greater<>(), &std::pair<std::string, int64_t>::second);
  std::vector<std::string> words;
  int64_t rest = 0;
  for (const auto& [kind, count] : kinds) {
    if (words.size() < kMostKinds) {
      words.push_back(fmt::format("{} {}", count, kind));
    } else {
      rest += count;
    }
  }
  if (rest > 0) words.push_back(fmt::format("{} of other kinds", rest));
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace vitrine
