#include "core/nearest_name.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace vitrine {
namespace {

// Names of options are shorter; what a file holds may not be.
constexpr size_t kMaxLength = 100;

/// Levenshtein's distance, a row of the table at a time.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t exchanged = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({exchanged, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view name, std::span<const std::string> names) {
  std::string best;
  size_t fewest = std::min(name.size(), kMaxLength) / 2 + 1;
  if (name.size() > kMaxLength) return best;
  for (const std::string& candidate : names) {
    const size_t d = distance(name, candidate);
    if (d >= fewest) continue;
    fewest = d;
    best = candidate;
  }
  return best;
}

}  // namespace vitrine
