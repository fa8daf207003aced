#include "core/text/nearest_name.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace vitrine {
namespace {

// Names of options are shorter; what a file holds may not be.
constexpr size_t kMaxLength = 100;

/// Levenshtein's distance in which two neighbours that change places count as one exchange
/// ("optimal string alignment"): the last three rows of the table.
size_t distance(std::string_view a, std::string_view b) {
  std::array<std::vector<size_t>, 3> rows;
  for (auto& row : rows) row.resize(b.size() + 1);
  std::iota(rows[0].begin(), rows[0].end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    auto& now = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    const auto& two_above = rows[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] =
          std::min({above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), above[j] + 1, now[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) now[j] = std::min(now[j], two_above[j - 2] + 1);
    }
  }
  return rows[a.size() % 3][b.size()];
}

/// The parts of a name between -, _ and dots.
std::vector<std::string_view> words(std::string_view name) {
  std::vector<std::string_view> list;
  while (!name.empty()) {
    const size_t end = std::min(name.find_first_of("-_."), name.size());
    if (end > 0) list.push_back(name.substr(0, end));
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return list;
}

/// Whether every word of `few` is among `many`, in the same order.
bool are_among(const std::vector<std::string_view>& few,
               const std::vector<std::string_view>& many) {
  size_t found = 0;
  for (const std::string_view word : many) {
    if (found < few.size() && few[found] == word) ++found;
  }
  return !few.empty() && found == few.size();
}

/// "lr" for "learning-rate".
bool are_initials(const std::vector<std::string_view>& letters,
                  const std::vector<std::string_view>& of) {
  if (letters.size() != 1 || of.size() < 2 || letters[0].size() != of.size()) return false;
  for (size_t i = 0; i < of.size(); ++i) {
    if (letters[0][i] != of[i][0]) return false;
  }
  return true;
}

}  // namespace

std::string nearest_name(std::string_view name, std::span<const std::string> names) {
  std::string best;
  if (name.size() > kMaxLength) return best;
  size_t fewest = name.size() / 2 + 1;
  const auto parts = words(name);
  for (const std::string& candidate : names) {
    const auto others = words(candidate);
    size_t d = distance(name, candidate);
    if (are_among(parts, others) || are_among(others, parts)) {
      d = std::min(d,
                   std::max(parts.size(), others.size()) - std::min(parts.size(), others.size()));
    } else if (are_initials(others, parts) || are_initials(parts, others)) {
      d = std::min(d, size_t{1});
    }
    if (d >= fewest) continue;
    fewest = d;
    best = candidate;
  }
  return best;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> names) {
  const std::string nearest = nearest_name(name, names);
  return nearest.empty() ? "" : "; did you mean " + nearest + "?";
}

}  // namespace vitrine
