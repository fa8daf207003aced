#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace vitrine {

/// A value of a pickle. Values refer to each other by their index in Pickle::values; there may be
/// cycles.
struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBool,
    kInt,
    kBigInt,  ///< does not fit in 64 bits: `text` is its little-endian bytes
    kFloat,
    kText,  ///< or bytes
    kTuple,
    kList,        ///< or set
    kDict,        ///< items: key, value, key, value, ...
    kGlobal,      ///< a name that would be imported: `integer` is what `known` made of it
    kObject,      ///< a global that would be called: `integer` as there; items: arguments, then
                  ///< keys and values as of a dictionary
    kPersistent,  ///< a reference to something outside; items: its identification
  };
  Kind kind = Kind::kNone;
  int64_t integer = 0;    ///< kBool, kInt, kGlobal, kObject
  std::string_view text;  ///< kText, kBigInt; points into the pickle
  std::vector<uint32_t> items;
};

struct Pickle {
  std::deque<PickleValue> values;
  uint32_t root = 0;
  size_t size = 0;  ///< bytes up to and with its end mark

  const PickleValue& at(uint32_t index) const { return values[index]; }
};

/// What a reader of pickles makes of a name that would be imported: a number of its own, or
/// kForbidden.
using KnownGlobals = std::function<int(std::string_view module, std::string_view name)>;
inline constexpr int kForbidden = -1;

/// Reads the pickle at the start of `bytes` as data: containers, texts, numbers, and calls noted
/// down without being made. Nothing is imported or run; a name that `known` forbids is refused as
/// soon as it comes. Time is linear in the size of the pickle, memory at most 8 MiB and 64 times
/// its size.
///   path, offset   for messages: the file, and where the pickle begins in it
/// Throws FormatError: kTruncated, kBadHeader (unknown opcode, damaged structure), kUnsafe,
/// kUnsupported (opcodes that no torch.save writes, protocols above 5), kTooLarge.
/// Source: Python's pickletools.
Pickle parse_pickle(std::span<const std::byte> bytes, std::string_view path, int64_t offset,
                    const KnownGlobals& known);

}  // namespace vitrine
