#include "models/weights/known_keys.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vitrine {

KnownKeys::KnownKeys(const nlohmann::json& object, std::string_view path, std::string_view place)
    : object_(object), path_(path), place_(place) {
  if (object_.is_object()) return;
  // "model_args." is the object model_args.
  const std::string_view name = place.substr(0, place.empty() ? 0 : place.size() - 1);
  throw FormatError(FormatKind::kBadHeader, path, -1,
                    fmt::format("{}{}not a JSON object", name, name.empty() ? "" : " is "));
}

const nlohmann::json* KnownKeys::find(std::string_view key) {
  asked_.emplace(key);
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool KnownKeys::is_null(std::string_view key) const {
  const auto found = object_.find(key);
  return found != object_.end() && found->is_null();
}

void KnownKeys::require(std::string_view key, std::initializer_list<nlohmann::json> known) {
  const nlohmann::json* value = find(key);
  if (value == nullptr || std::ranges::find(known, *value) != known.end()) return;
  std::string names;
  for (const nlohmann::json& one : known) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", write_json_lossy(one));
  }
  refuse(key, fmt::format("known {} {}", known.size() == 1 ? "is" : "are", names));
}

void KnownKeys::refuse(std::string_view key, std::string_view what) const {
  throw FormatError(FormatKind::kUnsupported, path_, -1, fmt::format("{}; {}", said(key), what));
}

void KnownKeys::refuse_type(std::string_view key) const {
  throw FormatError(FormatKind::kBadHeader, path_, -1,
                    fmt::format("{}, a value of another type than it should be", said(key)));
}

void KnownKeys::finish(std::span<const std::string_view> harmless) const {
  for (const auto& [key, value] : object_.items()) {
    if (value.is_null() || asked_.contains(key)) continue;
    if (std::ranges::find(harmless, key) != harmless.end()) continue;
    refuse(key, "not known, and it may change the answer: remove it if it does not");
  }
}

std::string KnownKeys::said(std::string_view key) const {
  constexpr size_t kLongest = 80;
  const auto found = object_.find(key);
  std::string value = found == object_.end() ? "missing" : write_json_lossy(*found);
  if (value.size() > kLongest) value = value.substr(0, kLongest) + "...";
  return fmt::format("{}{} is {}", place_, key, value);
}

}  // namespace vitrine
