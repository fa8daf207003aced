#include "core/error.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace vitrine {
namespace {

/// `text` as one line of bearable length: names from hostile files end up in messages.
std::string one_line(std::string text) {
  constexpr size_t kLongest = 600;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace

IoError::IoError(std::string_view path, std::string_view what)
    : Error(one_line(fmt::format("{}: {}", path, what))) {}

std::string_view format_kind_name(FormatKind kind) {
  static constexpr std::array<std::string_view, 12> kNames = {
      "truncated", "bad_magic", "bad_header",  "bad_dtype", "bad_shape", "bad_offsets",
      "duplicate", "corrupt",   "unsupported", "unsafe",    "too_large", "mismatch"};
  return kNames[static_cast<size_t>(kind)];
}

FormatError::FormatError(FormatKind kind, std::string_view path, int64_t offset,
                         std::string_view what)
    : Error(one_line(offset < 0 ? fmt::format("{}: {}: {}", path, format_kind_name(kind), what)
                                : fmt::format("{}: {} at byte {}: {}", path, format_kind_name(kind),
                                              offset, what))),
      kind_(kind) {}

namespace detail {
void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "vitrine: internal error: %s is false (%s:%d)\n", expression, file, line);
  std::abort();
}
}  // namespace detail

}  // namespace vitrine
