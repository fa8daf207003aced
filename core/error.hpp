#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace vitrine {

/// Base of everything that Vitrine throws; what() is one line that says what, where, and what to
/// do: names of files and what files hold may end up in it, so it is screen_text, and of bearable
/// length.
class Error : public std::runtime_error {
 public:
  explicit Error(std::string_view what);
};

/// The caller's mistake: sizes, ranks or axes that do not fit together.
/// Text: "[layer_norm] gamma must be (768) to match x (2, 197, 768), got (512)".
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// Wrong use: an unknown name or option, a value out of its range, a call in the wrong state.
/// Programs end with status 2. Text of operations: "[dropout] p must be in [0, 1], got 2".
class UsageError : public Error {
 public:
  using Error::Error;
};

/// The operating system's refusal: a file that is missing, a disk that is full.
/// Text: "runs/a/checkpoint.safetensors: cannot write: No space left on device".
class IoError : public Error {
 public:
  IoError(std::string_view path, std::string_view what);
};

/// What is wrong with a file's content. The words are those of the malformed-file test data.
enum class FormatKind {
  kTruncated,    ///< ends before its own structure says it should
  kBadMagic,     ///< not a file of this format at all
  kBadHeader,    ///< header, JSON, field or opcode that cannot be parsed or is missing
  kBadDtype,     ///< element type unknown or not allowed here
  kBadShape,     ///< negative, overflowing or inconsistent dimensions, or shape * dtype != bytes
  kBadOffsets,   ///< offsets out of range, reversed, overlapping or leaving holes
  kDuplicate,    ///< the same key twice
  kCorrupt,      ///< checksum or compressed-data error
  kUnsupported,  ///< legal, but not supported
  kUnsafe,       ///< refused because obeying it would run code or leave the directory
  kTooLarge,     ///< beyond a sane limit
  kMismatch,     ///< contradicts a companion file or the requested use
};

/// "truncated", "bad_magic", ...
std::string_view format_kind_name(FormatKind kind);

/// A file whose content is wrong. `offset` is the byte where it was noticed, -1 if there is none.
/// Text: "weights.safetensors: truncated at byte 8: header says 512 bytes, file has 100; download
/// it again".
class FormatError : public Error {
 public:
  FormatError(FormatKind kind, std::string_view path, int64_t offset, std::string_view what);

  FormatKind kind() const { return kind_; }

 private:
  FormatKind kind_;
};

namespace detail {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}  // namespace detail

}  // namespace vitrine

/// Our own mistake: aborts with the expression. For invariants, never for input.
#define VT_CHECK(condition) \
  ((condition) ? void(0) : ::vitrine::detail::check_failed(#condition, __FILE__, __LINE__))
