#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/error.hpp"
#include "core/formats/bytes.hpp"
#include "core/formats/npy.hpp"

namespace vitrine {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxRank = 64;                       // what NumPy can hold
constexpr int64_t kMaxHeaderSize = int64_t{1} << 16;  // far beyond 64 dimensions

struct TypeCode {
  std::string_view code;  // kind and size
  Dtype dtype;
};
constexpr std::array<TypeCode, 13> kTypes = {{{"f8", Dtype::kF64},
                                              {"f4", Dtype::kF32},
                                              {"f2", Dtype::kF16},
                                              {"V2", Dtype::kBf16},
                                              {"i8", Dtype::kI64},
                                              {"i4", Dtype::kI32},
                                              {"i2", Dtype::kI16},
                                              {"i1", Dtype::kI8},
                                              {"u8", Dtype::kU64},
                                              {"u4", Dtype::kU32},
                                              {"u2", Dtype::kU16},
                                              {"u1", Dtype::kU8},
                                              {"b1", Dtype::kBool}}};
// Kinds of NumPy that are no numbers of a network: objects, text, bytes, voids, dates, spans of
// time, complex numbers; and floats of other sizes.
constexpr std::string_view kUnsupportedKinds = "OUSaVMmcf";

/// The header's dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view path) : text_(text), path_(path) {}

  NpyHeader parse();

 private:
  [[noreturn]] void refuse(FormatKind kind, const std::string& what) const {
    throw FormatError(kind, path_, static_cast<int64_t>(at_), what);
  }
  void skip_spaces();
  /// Whether `c` comes next, behind spaces; it is then taken.
  bool take(char c);
  bool take_word(std::string_view word);
  void expect(char c);
  std::string_view parse_string();
  bool parse_bool();
  int64_t parse_dimension();
  std::vector<int64_t> parse_shape();
  void parse_type(NpyHeader& header);

  std::string_view text_;
  std::string path_;
  size_t at_ = 0;
};

void HeaderParser::skip_spaces() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
}

bool HeaderParser::take(char c) {
  skip_spaces();
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool HeaderParser::take_word(std::string_view word) {
  skip_spaces();
  if (!text_.substr(at_).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

void HeaderParser::expect(char c) {
  if (!take(c)) {
    refuse(FormatKind::kBadHeader,
           fmt::format("the header must be a dictionary of descr, fortran_order and shape; "
                       "expected '{}'",
                       c));
  }
}

std::string_view HeaderParser::parse_string() {
  const char quote = take('"') ? '"' : '\'';
  if (quote == '\'') expect('\'');
  const size_t end = text_.find(quote, at_);
  if (end == std::string_view::npos) refuse(FormatKind::kBadHeader, "a text without an end");
  const std::string_view result = text_.substr(at_, end - at_);
  at_ = end + 1;
  return result;
}

bool HeaderParser::parse_bool() {
  if (take_word("True")) return true;
  if (!take_word("False")) refuse(FormatKind::kBadHeader, "fortran_order must be True or False");
  return false;
}

int64_t HeaderParser::parse_dimension() {
  const bool negative = take('-');
  int64_t value = 0;
  const char* begin = text_.data() + at_;
  const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
  at_ += static_cast<size_t>(end - begin);
  if (error == std::errc::invalid_argument || end == begin) {
    refuse(FormatKind::kBadHeader, "shape must be a tuple of integers");
  }
  if (error != std::errc() || negative || value < 0) {
    refuse(FormatKind::kBadShape, "a dimension is negative or does not fit in 63 bits");
  }
  take('L');  // Python 2 wrote long integers so
  return value;
}

std::vector<int64_t> HeaderParser::parse_shape() {
  std::vector<int64_t> shape;
  expect('(');
  while (!take(')')) {
    if (shape.size() == kMaxRank) {
      refuse(FormatKind::kTooLarge, fmt::format("more than {} dimensions", kMaxRank));
    }
    shape.push_back(parse_dimension());
    if (take(',')) continue;
    expect(')');
    if (shape.size() == 1) refuse(FormatKind::kBadHeader, "shape must be a tuple");
    break;
  }
  return shape;
}

void HeaderParser::parse_type(NpyHeader& header) {
  if (take('[')) refuse(FormatKind::kUnsupported, "an array of records");
  const std::string_view descr = parse_string();
  const bool has_order =
      !descr.empty() && std::string_view("<>|=").find(descr[0]) != std::string_view::npos;
  const std::string_view code = descr.substr(has_order ? 1 : 0);
  const auto type =
      std::ranges::find_if(kTypes, [code](const TypeCode& t) { return t.code == code; });
  if (type == kTypes.end()) {
    const bool legal = !code.empty() && kUnsupportedKinds.find(code[0]) != std::string_view::npos;
    refuse(legal ? FormatKind::kUnsupported : FormatKind::kBadDtype,
           fmt::format("element type '{}'{}", descr,
                       code.starts_with('O') ? ": pickled objects are never loaded" : ""));
  }
  header.dtype = type->dtype;
  header.big_endian = descr[0] == '>';
}

NpyHeader HeaderParser::parse() {
  NpyHeader header;
  std::vector<std::string_view> keys;
  expect('{');
  while (!take('}')) {
    const std::string_view key = parse_string();
    if (std::ranges::find(keys, key) != keys.end()) {
      refuse(FormatKind::kDuplicate, fmt::format("'{}' comes twice", key));
    }
    keys.push_back(key);
    expect(':');
    if (key == "descr") {
      parse_type(header);
    } else if (key == "fortran_order") {
      header.fortran_order = parse_bool();
    } else if (key == "shape") {
      header.shape = parse_shape();
    } else {
      refuse(FormatKind::kBadHeader, fmt::format("unknown key '{}'", key));
    }
    if (take(',')) continue;
    expect('}');
    break;
  }
  if (keys.size() != 3) {
    refuse(FormatKind::kBadHeader, "descr, fortran_order or shape is missing");
  }
  skip_spaces();
  if (at_ != text_.size()) refuse(FormatKind::kBadHeader, "text behind the dictionary");
  if (!byte_count(header.dtype, header.shape)) {
    refuse(FormatKind::kBadShape, "the product of the dimensions overflows");
  }
  return header;
}

}  // namespace

bool is_npy(std::span<const std::byte> bytes) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
      .starts_with(kMagic);
}

int64_t npy_header_size(std::span<const std::byte> preamble, std::string_view path) {
  if (!is_npy(preamble)) throw FormatError(FormatKind::kBadMagic, path, 0, "not a .npy array");
  const auto need = [&](size_t bytes) {
    if (preamble.size() >= bytes) return;
    throw FormatError(FormatKind::kTruncated, path, static_cast<int64_t>(preamble.size()),
                      "the array ends inside its header; download the file again");
  };
  const size_t at = kMagic.size();
  need(at + 2);
  const auto major = std::to_integer<int>(preamble[at]);
  if (major < 1 || major > 3 || preamble[at + 1] != std::byte{0}) {
    throw FormatError(FormatKind::kUnsupported, path, static_cast<int64_t>(at),
                      fmt::format(".npy version {}.{}; known are 1.0, 2.0, 3.0", major,
                                  std::to_integer<int>(preamble[at + 1])));
  }
  const size_t fixed = at + (major == 1 ? 4 : 6);
  need(fixed);
  const int64_t length = major == 1 ? load_le16(preamble.data() + at + 2)
                                    : int64_t{load_le32(preamble.data() + at + 2)};
  if (length > kMaxHeaderSize) {
    throw FormatError(FormatKind::kTooLarge, path, static_cast<int64_t>(at),
                      fmt::format("a header of {} bytes", length));
  }
  return static_cast<int64_t>(fixed) + length;
}

NpyHeader parse_npy_header(std::span<const std::byte> header, std::string_view path) {
  const int64_t size = npy_header_size(header, path);
  if (size > static_cast<int64_t>(header.size())) {
    throw FormatError(FormatKind::kTruncated, path, static_cast<int64_t>(header.size()),
                      fmt::format("the header has {} bytes, the array {}; download the file again",
                                  size, header.size()));
  }
  const bool first = header[kMagic.size()] == std::byte{1};
  const size_t start = kMagic.size() + (first ? 4 : 6);
  const char* text = reinterpret_cast<const char*>(header.data());
  NpyHeader result = HeaderParser({text + start, static_cast<size_t>(size) - start}, path).parse();
  result.size = size;
  return result;
}

}  // namespace vitrine
