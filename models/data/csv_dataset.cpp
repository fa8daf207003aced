#include "models/data/csv_dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/folder_entries.hpp"
#include "core/formats/home_path.hpp"
#include "models/data/class_names.hpp"
#include "models/data/class_order.hpp"
#include "models/data/class_places.hpp"
#include "models/data/file_dataset.hpp"
#include "models/data/part_names.hpp"
#include "models/data/picture_files.hpp"
#include "models/data/picture_list.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxListBytes = int64_t{1} << 30;

/// One line: a file, and what it shows.
struct Row {
  std::string file, label;
  int64_t line;
};

/// A list that was read.
struct List {
  std::string path;
  std::vector<Row> rows;
};

[[noreturn]] void refuse(const std::string& path, int64_t line, std::string_view what) {
  throw FormatError(FormatKind::kBadHeader, path, -1, fmt::format("line {}: {}", line, what));
}

/// The fields of a line.
std::vector<std::string> fields_of(std::string_view text, const std::string& path, int64_t line) {
  constexpr std::string_view kBlanks = " \t";
  constexpr size_t kMostFields = 1000;  // each takes more memory than the comma that makes it
  std::vector<std::string> fields;
  size_t at = 0;
  const auto skip_blanks = [&] { at = std::min(text.find_first_not_of(kBlanks, at), text.size()); };
  for (;;) {
    if (fields.size() == kMostFields) refuse(path, line, "wants FILE,LABEL, got far more fields");
    std::string& field = fields.emplace_back();
    skip_blanks();
    if (at < text.size() && text[at] == '"') {
      for (++at;; ++at) {
        if (at == text.size()) refuse(path, line, "a quote is not closed");
        if (text[at] == '"' && !text.substr(at + 1).starts_with('"')) break;
        if (text[at] == '"') ++at;
        field += text[at];
      }
      ++at;
      skip_blanks();
      if (at < text.size() && text[at] != ',') refuse(path, line, "text behind a quoted field");
    } else {
      const size_t end = std::min(text.find(',', at), text.size());
      field = text.substr(at, end - at);
      field.erase(field.find_last_not_of(kBlanks) + 1);
      if (field.find('"') != std::string::npos) {
        refuse(path, line, "a quote inside a field; the whole field must be quoted");
      }
      at = end;
    }
    if (at == text.size()) return fields;
    ++at;
  }
}

/// What is wrong with a line that does not have two fields.
std::string complaint(std::string_view text, size_t fields) {
  for (const auto& [separator, name] : {std::pair(';', "semicolons"), std::pair('\t', "tabs")}) {
    if (fields == 1 && text.find(separator) != std::string_view::npos) {
      return fmt::format("wants FILE,LABEL, with a comma: save the list with commas, not {}", name);
    }
  }
  if (fields == 2) return "wants FILE,LABEL, neither of them empty";
  return fmt::format("wants FILE,LABEL, got {} field{}", fields, fields == 1 ? "" : "s");
}

Row read_row(std::string_view text, const std::string& path, int64_t line) {
  if (text.find('\r') != std::string_view::npos) {
    refuse(path, line, "lines must end with a line feed, or with a carriage return before it");
  }
  if (text.find('\0') != std::string_view::npos) refuse(path, line, "a zero byte: not UTF-8 text");
  std::vector<std::string> fields = fields_of(text, path, line);
  if (fields.size() != 2 || fields[0].empty() || fields[1].empty()) {
    refuse(path, line, complaint(text, fields.size()));
  }
  check_class_name(fields[1], fmt::format("{}: line {}", path, line));
  std::string file = home_path(fields[0]);
  const std::string folder = fs::path(path).parent_path().string();
  if (file.front() != '/' && !folder.empty()) file = folder + "/" + file;
  return {std::move(file), std::move(fields[1]), line};
}

List read_list(const std::string& path) {
  std::error_code ignored;
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)) {
    throw IoError(path, "cannot read: not a regular file");
  }
  const std::vector<std::byte> bytes = read_file(path, kMaxListBytes);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    refuse(path, 1, "UTF-16; save the list as UTF-8");
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  List list{path, {}};
  int64_t line = 1;
  for (size_t at = 0; at < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view one = text.substr(at, end - at);
    at = end + 1;
    if (one.ends_with('\r')) one.remove_suffix(1);
    if (one.find_first_not_of(" \t") == std::string_view::npos) continue;
    list.rows.push_back(read_row(one, path, line));
  }
  if (list.rows.empty()) throw FormatError(FormatKind::kBadHeader, path, -1, "no pictures in it");
  return list;
}

/// Takes a header away. `classes`: labels that other lists have.
void take_header(List& list, const std::set<std::string>& classes,
                 std::vector<std::string>& notes) {
  const Row& first = list.rows.front();
  std::error_code ignored;
  if (list.rows.size() < 2 || classes.contains(first.label) || is_picture_name(first.file) ||
      fs::exists(first.file, ignored) ||
      std::ranges::count(list.rows, first.label, &Row::label) > 1) {
    return;
  }
  notes.push_back(fmt::format("{}: line {} is taken for a header ({}, {})", list.path, first.line,
                              fs::path(first.file).filename().string(), first.label));
  list.rows.erase(list.rows.begin());
}

/// The list of every part that there is; one without parts stands for all of them.
struct Lists {
  DatasetParts parts;
  std::vector<std::string> others;  // lists that are none of them
  std::string folder;               // "" if there is one list alone

  std::string path(const std::string& part) const { return folder + "/" + part; }
};

Lists find_lists(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {};
  Lists lists{.parts = {}, .others = {}, .folder = path};
  error = for_each_entry(path, [&](const std::string& name) {
    const auto part = part_named(fs::path(name).stem().string());
    if (extension_of(name) != "csv" || name.front() == '.') return true;
    if (!part) {
      lists.others.push_back(name);
      return true;
    }
    std::string& known = name_of(lists.parts, *part);
    if (!known.empty()) {
      throw IoError(path, fmt::format("both {} and {} are there: which one is meant?",
                                      std::min(known, name), std::max(known, name)));
    }
    known = name;
    return true;
  });
  if (error) throw IoError(path, fmt::format("cannot read the folder: {}", error.message()));
  if (lists.parts.train.empty()) throw IoError(path, "no train.csv in it");
  return lists;
}

/// The lists whose pictures make up the part.
std::vector<std::string> lists_of(const Lists& lists, const std::string& path, Split split) {
  const DatasetParts& p = lists.parts;
  if (lists.folder.empty()) return {path};
  const std::string& judged = !p.test.empty() ? p.test : p.validation;
  if (split == Split::kTrain || (split == Split::kTest && judged.empty())) {
    return {lists.path(p.train)};
  }
  if (split == Split::kValidation) return {lists.path(p.validation)};
  if (split == Split::kTest) return {lists.path(judged)};
  std::vector<std::string> all;
  for (const std::string& name : {p.train, p.validation, p.test}) {
    if (!name.empty()) all.push_back(lists.path(name));
  }
  return all;
}

void add_rows(const List& list, const std::map<std::string, int32_t>& number_of, PictureList& to) {
  for (const Row& row : list.rows) {
    const auto found = number_of.find(row.label);
    if (found == number_of.end()) {
      refuse(list.path, row.line,
             fmt::format("label '{}' is not among those of the training part", row.label));
    }
    to.files.push_back(row.file);
    to.labels.push_back(found->second);
  }
}

}  // namespace

DatasetParts csv_parts(const std::string& path) { return find_lists(path).parts; }

std::shared_ptr<const Dataset> open_csv_dataset(const std::string& path, Split split) {
  const Lists lists = find_lists(path);
  if (split == Split::kValidation && lists.parts.validation.empty()) return nullptr;
  const std::string train_path = lists_of(lists, path, Split::kTrain)[0];
  List train = read_list(train_path);
  DatasetFacts facts;
  if (!lists.others.empty()) {
    facts.notes.push_back(fmt::format("{}: passed over, since they are no parts: {}", path,
                                      quoted_names(lists.others)));
  }
  std::vector<std::string> train_notes;
  take_header(train, {}, train_notes);
  std::set<std::string> labels;
  for (const Row& row : train.rows) labels.insert(row.label);
  std::vector<std::string> classes(labels.begin(), labels.end());
  sort_classes(classes);
  std::map<std::string, int32_t> number_of;
  for (const std::string& name : classes) {
    number_of.emplace(name, static_cast<int32_t>(number_of.size()));
  }
  PictureList listing;
  for (const std::string& from : lists_of(lists, path, split)) {
    if (from == train_path) {
      facts.notes.insert(facts.notes.end(), train_notes.begin(), train_notes.end());
      add_rows(train, number_of, listing);
      continue;
    }
    List list = read_list(from);
    take_header(list, labels, facts.notes);
    add_rows(list, number_of, listing);
  }
  listing = part_of(listing, lists.parts, split, path, facts.notes);
  return std::make_shared<const FileDataset>(std::move(listing.files), std::move(listing.labels),
                                             std::move(classes), std::move(facts));
}

}  // namespace vitrine
