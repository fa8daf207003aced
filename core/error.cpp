#include "core/error.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "core/screen_text.hpp"

namespace vitrine {
namespace {

/// The text as one line of bearable length: where it begins and, since that says what to do, where
/// it ends.
std::string message(std::string_view text) {
  constexpr size_t kBegin = 1200;
  constexpr size_t kEnd = 600;
  const auto is_inside = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  if (text.size() <= kBegin + kEnd) return screen_text(text);
  size_t begin = kBegin;
  while (begin > 0 && is_inside(text[begin])) --begin;
  size_t end = text.size() - kEnd;
  while (end < text.size() && is_inside(text[end])) ++end;
  return screen_text(text.substr(0, begin)) + " ... " + screen_text(text.substr(end));
}

}  // namespace

Error::Error(std::string_view what) : std::runtime_error(message(what)) {}

IoError::IoError(std::string_view path, std::string_view what)
    : Error(fmt::format("{}: {}", path, what)) {}

std::string_view format_kind_name(FormatKind kind) {
  static constexpr std::array<std::string_view, 12> kNames = {
      "truncated", "bad_magic", "bad_header",  "bad_dtype", "bad_shape", "bad_offsets",
      "duplicate", "corrupt",   "unsupported", "unsafe",    "too_large", "mismatch"};
  return kNames[static_cast<size_t>(kind)];
}

FormatError::FormatError(FormatKind kind, std::string_view path, int64_t offset,
                         std::string_view what)
    : Error(offset < 0
                ? fmt::format("{}: {}: {}", path, format_kind_name(kind), what)
                : fmt::format("{}: {} at byte {}: {}", path, format_kind_name(kind), offset, what)),
      kind_(kind) {}

namespace detail {
void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "vitrine: internal error: %s is false (%s:%d)\n", expression, file, line);
  std::abort();
}
}  // namespace detail

}  // namespace vitrine
