#include "models/weights/name_pattern.hpp"

#include <charconv>
#include <cstdint>
#include <vector>

namespace vitrine {
namespace {

constexpr std::string_view kFromZero = "{}";
constexpr std::string_view kFromOne = "{1}";

bool is_number_start(std::string_view pattern) {
  return pattern.starts_with(kFromZero) || pattern.starts_with(kFromOne);
}

/// What the placeholders of a pattern stand for.
struct Captures {
  std::vector<int64_t> numbers;  // from 0
  std::string_view rest;
};

std::optional<Captures> match(std::string_view name, std::string_view pattern) {
  Captures captures;
  while (!pattern.empty()) {
    if (pattern == "*") {
      captures.rest = name;
      return captures;
    }
    if (is_number_start(pattern)) {
      int64_t number = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
      if (error != std::errc() || number < 0) return std::nullopt;
      name.remove_prefix(static_cast<size_t>(end - name.data()));
      const bool from_one = pattern.starts_with(kFromOne);
      if (from_one && number == 0) return std::nullopt;
      captures.numbers.push_back(from_one ? number - 1 : number);
      pattern.remove_prefix(from_one ? kFromOne.size() : kFromZero.size());
      continue;
    }
    if (name.empty() || name[0] != pattern[0]) return std::nullopt;
    name.remove_prefix(1);
    pattern.remove_prefix(1);
  }
  if (!name.empty()) return std::nullopt;
  return captures;
}

std::string fill_in(std::string_view pattern, const Captures& captures) {
  std::string name;
  size_t next = 0;
  while (!pattern.empty()) {
    if (pattern == "*") return name + std::string(captures.rest);
    if (is_number_start(pattern)) {
      const bool from_one = pattern.starts_with(kFromOne);
      name += std::to_string(captures.numbers.at(next++) + (from_one ? 1 : 0));
      pattern.remove_prefix(from_one ? kFromOne.size() : kFromZero.size());
      continue;
    }
    name += pattern[0];
    pattern.remove_prefix(1);
  }
  return name;
}

}  // namespace

std::optional<std::string> rename(std::string_view name, std::string_view from,
                                  std::string_view to) {
  const std::optional<Captures> captures = match(name, from);
  if (!captures) return std::nullopt;
  return fill_in(to, *captures);
}

}  // namespace vitrine
