#include "core/formats/safetensors_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr size_t kMaxRank = 64;      // what NumPy and PyTorch can hold
constexpr int kMaxSkipDepth = 16;    // nesting in fields that we do not know
constexpr int64_t kHeaderStart = 8;  // after the length

// Receives the parser's events, so that no tree is built: a duplicate key is seen before it could
// replace the first one, and nesting costs nothing.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view path) : path_(path) {}

  SafetensorsHeader take() { return std::move(header_); }

  // The events, with the names that nlohmann::json asks for.
  bool null() { return scalar("null"); }
  bool boolean(bool) { return scalar("true or false"); }
  bool binary(json::binary_t&) { return scalar("binary data"); }
  bool number_integer(json::number_integer_t value) {  // only literals with a minus sign
    return integer_out_of_range(fmt::format("{}", value));
  }
  bool number_float(json::number_float_t, const std::string& text) {
    // An integer that does not fit in 64 bits arrives here too.
    if (text.find_first_of(".eE") == std::string::npos) return integer_out_of_range(text);
    return scalar(text);
  }
  bool number_unsigned(json::number_unsigned_t value);
  bool string(std::string& text);
  bool start_object(size_t);
  bool end_object();
  bool start_array(size_t);
  bool end_array();
  bool key(std::string& text);
  bool parse_error(size_t position, const std::string&, const json::exception&) {
    throw FormatError(FormatKind::kBadHeader, path_,
                      kHeaderStart + static_cast<int64_t>(position) - 1,
                      "the header is not valid JSON; download the file again");
  }

 private:
  enum class Place { kStart, kDirectory, kMetadata, kTensor, kShape, kOffsets, kSkip };
  enum class Field { kDtype, kShape, kOffsets, kUnknown };

  [[noreturn]] void refuse(FormatKind kind, const std::string& what) const {
    throw FormatError(kind, path_, -1, what);
  }
  [[noreturn]] void refuse_value(std::string_view found) const;
  bool scalar(std::string_view text);
  bool integer_out_of_range(const std::string& text);
  bool skip_deeper();
  bool skip_ended();
  void finish_tensor();

  std::string path_;
  SafetensorsHeader header_;
  Place place_ = Place::kStart;
  SafetensorsHeader::Entry entry_;
  std::string key_;  // in the metadata
  Field field_ = Field::kUnknown;
  std::vector<std::string> fields_;  // names seen in this tensor
  std::vector<int64_t> offsets_;
  int skip_depth_ = 0;
};

void HeaderReader::refuse_value(std::string_view found) const {
  switch (place_) {
    case Place::kStart:
      refuse(FormatKind::kBadHeader, fmt::format("the header must be an object, got {}", found));
    case Place::kDirectory:
      refuse(FormatKind::kBadHeader,
             fmt::format("entry '{}' must be an object, got {}", entry_.name, found));
    case Place::kMetadata:
      refuse(FormatKind::kBadHeader,
             fmt::format("metadata '{}' must be text, got {}", key_, found));
    case Place::kOffsets:
      refuse(FormatKind::kBadHeader,
             fmt::format("data_offsets of '{}' must be integers, got {}", entry_.name, found));
    case Place::kShape:
      refuse(FormatKind::kBadHeader,
             fmt::format("shape of '{}' must be integers, got {}", entry_.name, found));
    case Place::kTensor:
    case Place::kSkip:
      break;
  }
  refuse(FormatKind::kBadHeader,
         fmt::format("'{}' of '{}' must not be {}", fields_.back(), entry_.name, found));
}

bool HeaderReader::scalar(std::string_view text) {
  const bool skipped =
      place_ == Place::kSkip || (place_ == Place::kTensor && field_ == Field::kUnknown);
  if (!skipped) refuse_value(text);
  return true;
}

bool HeaderReader::integer_out_of_range(const std::string& text) {
  if (place_ == Place::kShape) {
    refuse(FormatKind::kBadShape, fmt::format("'{}' has a dimension of {}", entry_.name, text));
  }
  if (place_ == Place::kOffsets) {
    refuse(FormatKind::kBadOffsets, fmt::format("'{}' has an offset of {}", entry_.name, text));
  }
  return scalar(text);
}

bool HeaderReader::number_unsigned(json::number_unsigned_t value) {
  if (place_ != Place::kShape && place_ != Place::kOffsets) {
    return scalar(fmt::format("{}", value));
  }
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return integer_out_of_range(fmt::format("{}", value));
  }
  auto& list = place_ == Place::kShape ? entry_.shape : offsets_;
  if (list.size() == kMaxRank) {
    refuse(FormatKind::kTooLarge,
           fmt::format("'{}' has more than {} dimensions or offsets", entry_.name, kMaxRank));
  }
  list.push_back(static_cast<int64_t>(value));
  return true;
}

bool HeaderReader::string(std::string& text) {
  if (place_ == Place::kMetadata) {
    if (!header_.metadata.emplace(key_, std::move(text)).second) {
      refuse(FormatKind::kDuplicate, fmt::format("metadata '{}' comes twice", key_));
    }
    return true;
  }
  if (place_ == Place::kTensor && field_ == Field::kDtype) {
    entry_.dtype = std::move(text);
    return true;
  }
  return scalar("text");
}

bool HeaderReader::skip_deeper() {
  place_ = Place::kSkip;
  if (++skip_depth_ > kMaxSkipDepth) {
    refuse(FormatKind::kBadHeader, fmt::format("entry '{}' is nested too deeply", entry_.name));
  }
  return true;
}

bool HeaderReader::skip_ended() {
  if (--skip_depth_ == 0) place_ = Place::kTensor;
  return true;
}

bool HeaderReader::start_object(size_t) {
  if (place_ == Place::kStart) {
    place_ = Place::kDirectory;
    return true;
  }
  if (place_ == Place::kDirectory) {
    place_ = entry_.name == "__metadata__" ? Place::kMetadata : Place::kTensor;
    return true;
  }
  scalar("an object");
  return skip_deeper();
}

bool HeaderReader::end_object() {
  if (place_ == Place::kSkip) return skip_ended();
  if (place_ == Place::kTensor) finish_tensor();
  place_ = Place::kDirectory;
  return true;
}

bool HeaderReader::start_array(size_t) {
  if (place_ == Place::kTensor && field_ == Field::kShape) {
    place_ = Place::kShape;
    return true;
  }
  if (place_ == Place::kTensor && field_ == Field::kOffsets) {
    place_ = Place::kOffsets;
    return true;
  }
  scalar("an array");
  return skip_deeper();
}

bool HeaderReader::end_array() {
  if (place_ == Place::kSkip) return skip_ended();
  place_ = Place::kTensor;
  return true;
}

bool HeaderReader::key(std::string& text) {
  if (place_ == Place::kDirectory) {
    entry_ = {.name = std::move(text), .dtype = {}, .shape = {}};
    fields_.clear();
    offsets_.clear();
  } else if (place_ == Place::kMetadata) {
    key_ = std::move(text);
  } else if (place_ == Place::kTensor) {
    if (std::find(fields_.begin(), fields_.end(), text) != fields_.end()) {
      refuse(FormatKind::kDuplicate, fmt::format("'{}' has '{}' twice", entry_.name, text));
    }
    field_ = text == "dtype"          ? Field::kDtype
             : text == "shape"        ? Field::kShape
             : text == "data_offsets" ? Field::kOffsets
                                      : Field::kUnknown;
    if (fields_.size() == kMaxRank) {
      refuse(FormatKind::kTooLarge, fmt::format("'{}' has too many fields", entry_.name));
    }
    fields_.push_back(std::move(text));
  }
  return true;
}

void HeaderReader::finish_tensor() {
  for (const char* needed : {"dtype", "shape", "data_offsets"}) {
    if (std::find(fields_.begin(), fields_.end(), needed) == fields_.end()) {
      refuse(FormatKind::kBadHeader, fmt::format("'{}' has no {}", entry_.name, needed));
    }
  }
  if (offsets_.size() != 2) {
    refuse(FormatKind::kBadHeader, fmt::format("data_offsets of '{}' must be two numbers, got {}",
                                               entry_.name, offsets_.size()));
  }
  entry_.begin = offsets_[0];
  entry_.end = offsets_[1];
  header_.entries.push_back(std::move(entry_));
}

void check_names_are_unique(const SafetensorsHeader& header, std::string_view path) {
  std::vector<size_t> order(header.entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto name = [&](size_t i) -> const std::string& { return header.entries[i].name; };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return name(a) < name(b); });
  const auto twice = std::adjacent_find(order.begin(), order.end(),
                                        [&](size_t a, size_t b) { return name(a) == name(b); });
  if (twice != order.end()) {
    throw FormatError(FormatKind::kDuplicate, path, -1,
                      fmt::format("tensor '{}' comes twice", name(*twice)));
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, std::string_view path) {
  // The format asks for the brace; the parser would also take a byte order mark, and would stop at
  // a zero byte as if the text ended there.
  if (text.empty() || text.front() != '{' || text.find('\0') != std::string_view::npos) {
    throw FormatError(FormatKind::kBadHeader, path, kHeaderStart,
                      "the header is not a JSON object; this is not a safetensors file");
  }
  HeaderReader reader(path);
  json::sax_parse(text.begin(), text.end(), &reader);
  SafetensorsHeader header = reader.take();
  check_names_are_unique(header, path);
  return header;
}

}  // namespace vitrine
