#include "models/data/class_names.hpp"

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/text/json_text.hpp"

namespace vitrine {
namespace {

constexpr int64_t kMaxNamesBytes = int64_t{16} << 20;

}  // namespace

void check_class_name(const std::string& name, const std::string& path) {
  try {
    static_cast<void>(write_json(nlohmann::json(name)));
  } catch (const nlohmann::json::exception&) {
    throw FormatError(FormatKind::kBadHeader, path, -1, "the name of a class is not UTF-8");
  }
}

std::vector<std::string> read_class_names(const std::string& path) {
  std::vector<std::string> names;
  std::string line;
  const auto take = [&] {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    check_class_name(line, path);
    names.push_back(line);
    line.clear();
  };
  for (const std::byte byte : read_file(path, kMaxNamesBytes)) {
    if (byte == std::byte{'\n'}) {
      take();
    } else {
      line += static_cast<char>(byte);
    }
  }
  if (!line.empty()) take();
  while (!names.empty() && names.back().empty()) names.pop_back();
  if (names.empty()) throw FormatError(FormatKind::kBadHeader, path, -1, "no class names in it");
  return names;
}

}  // namespace vitrine
