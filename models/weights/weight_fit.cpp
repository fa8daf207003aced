#include "models/weights/weight_fit.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.hpp"

namespace vitrine {
namespace {

/// At most this many names in one message.
constexpr size_t kNamesShown = 4;

std::string some_of(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kNamesShown);
  std::string text = fmt::format(
      "{}", fmt::join(names.begin(), names.begin() + static_cast<ptrdiff_t>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace

void WeightFit::require(std::string_view path) const {
  std::vector<std::string> parts;
  if (!missing.empty()) parts.push_back("missing " + some_of(missing));
  if (!extra.empty()) parts.push_back("extra " + some_of(extra));
  if (!reshaped.empty()) parts.push_back(some_of(reshaped));
  if (parts.empty()) return;
  throw FormatError(FormatKind::kMismatch, path, -1,
                    fmt::format("the weights do not fit the model: {}", fmt::join(parts, "; ")));
}

}  // namespace vitrine
