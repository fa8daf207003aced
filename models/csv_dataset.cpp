#include "models/csv_dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <string_view>

#include "core/error.hpp"
#include "core/file.hpp"
#include "models/class_names.hpp"
#include "models/picture_list.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxBytes = int64_t{1} << 30;

/// One line: a file, and what it shows.
struct Row {
  std::string file, label;
  int64_t line;
};

[[noreturn]] void refuse(const std::string& path, int64_t line, std::string_view what) {
  throw FormatError(FormatKind::kBadHeader, path, -1, fmt::format("line {}: {}", line, what));
}

/// The fields of a line; one in double quotes may hold commas, and quotes written twice.
std::vector<std::string> fields_of(std::string_view text, const std::string& path, int64_t line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        fields.back() += text[i++];
      } else if (quoted || fields.back().empty()) {
        quoted = !quoted;
      } else {
        refuse(path, line, "a quote inside a field; the whole field must be quoted");
      }
    } else if (text[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += text[i];
    }
  }
  if (quoted) refuse(path, line, "a quote is not closed");
  return fields;
}

std::vector<Row> read_rows(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxBytes);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string folder = fs::path(path).parent_path().string();
  std::vector<Row> rows;
  int64_t line = 1;
  for (size_t at = 0; at < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view one = text.substr(at, end - at);
    at = end + 1;
    if (one.ends_with('\r')) one.remove_suffix(1);
    if (one.empty()) continue;
    std::vector<std::string> fields = fields_of(one, path, line);
    if (fields.size() != 2 || fields[0].empty() || fields[1].empty()) {
      refuse(path, line, "wants FILE,LABEL");
    }
    if (fields[0].find('\0') != std::string::npos) refuse(path, line, "a zero byte in a name");
    check_class_name(fields[1], fmt::format("{}: line {}", path, line));
    const bool relative = fields[0].front() != '/' && !folder.empty();
    rows.push_back({relative ? folder + "/" + fields[0] : fields[0], std::move(fields[1]), line});
  }
  if (rows.empty()) throw FormatError(FormatKind::kBadHeader, path, -1, "no pictures in it");
  return rows;
}

/// A label that is a whole number; -1 for others.
int64_t number_of(const std::string& label) {
  int64_t value = -1;
  const char* end = label.data() + label.size();
  const auto [stop, error] = std::from_chars(label.data(), end, value);
  return error == std::errc() && stop == end ? value : -1;
}

/// Every label once, sorted: by number where all of them are whole numbers.
std::vector<std::string> classes_of(const std::vector<Row>& rows) {
  std::set<std::string> distinct;
  for (const Row& row : rows) distinct.insert(row.label);
  std::vector<std::string> classes(distinct.begin(), distinct.end());
  if (std::ranges::all_of(classes, [](const std::string& l) { return number_of(l) >= 0; })) {
    std::ranges::stable_sort(classes, {}, number_of);
  }
  return classes;
}

PictureList list_of(const std::vector<Row>& rows, const std::vector<std::string>& classes,
                    const std::string& path) {
  std::vector<std::pair<std::string, int32_t>> sorted;
  sorted.reserve(classes.size());
  for (size_t i = 0; i < classes.size(); ++i) {
    sorted.emplace_back(classes[i], static_cast<int32_t>(i));
  }
  std::ranges::sort(sorted);
  PictureList list;
  for (const Row& row : rows) {
    const auto found =
        std::ranges::lower_bound(sorted, row.label, {}, &std::pair<std::string, int32_t>::first);
    if (found == sorted.end() || found->first != row.label) {
      refuse(path, row.line,
             fmt::format("label '{}' is not among those of the training part", row.label));
    }
    list.files.push_back(row.file);
    list.labels.push_back(found->second);
  }
  return list;
}

}  // namespace

std::shared_ptr<const Dataset> open_csv_dataset(const std::string& path, Split split) {
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  const std::string train = folder ? path + "/train.csv" : path;
  const std::vector<Row> rows = read_rows(train);
  std::vector<std::string> classes = classes_of(rows);
  PictureList list = list_of(rows, classes, train);
  std::string test;
  for (const char* name : {"/val.csv", "/test.csv"}) {
    if (folder && fs::exists(path + name, ignored)) test = path + name;
  }
  if (test.empty()) {
    list = part_of(list, split);
  } else if (split == Split::kTest) {
    list = list_of(read_rows(test), classes, test);
  }
  if (list.files.empty()) {
    throw IoError(path,
                  split == Split::kTest ? "too few pictures for a test part" : "no pictures in it");
  }
  return std::make_shared<const Dataset>(std::move(list.files), std::move(list.labels),
                                         std::move(classes));
}

}  // namespace vitrine
