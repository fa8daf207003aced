#include "models/training/metrics_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/formats/file.hpp"

namespace vitrine {
namespace {

constexpr int64_t kMaxMetricsBytes = int64_t{1} << 30;  // a million epochs

}  // namespace

std::vector<std::string> read_metrics(const std::string& path, int64_t least) {
  const std::vector<std::byte> bytes = read_file(path, kMaxMetricsBytes);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<std::string> lines;
  for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (static_cast<int64_t>(lines.size()) < least) {
    throw FormatError(FormatKind::kTruncated, path, -1,
                      fmt::format("{} lines, the checkpoint beside it counts {}: bring the file "
                                  "back, or start another run",
                                  lines.size(), least));
  }
  return lines;
}

void append_metrics(const std::string& path, std::string_view line) {
  const std::string text = fmt::format("{}\n", line);
  append_to_file(path, std::as_bytes(std::span(text)));
}

void sync_metrics(const std::string& path) { sync_file(path); }

}  // namespace vitrine
