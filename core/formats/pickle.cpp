#include "core/formats/pickle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/error.hpp"
#include "core/formats/bytes.hpp"
#include "core/formats/pickle_opcode.hpp"

namespace vitrine {
namespace {

using namespace pickle_opcode;

using Kind = PickleValue::Kind;

// A value is larger than the bytes that can make it. In real files most need more than four.
constexpr size_t kFreeValues = size_t{1} << 16;
constexpr size_t kBytesPerValue = 4;
// Writers number what they remember from 0 on, and each needs bytes of the pickle.
constexpr size_t kFreeMemo = size_t{1} << 16;
constexpr uint32_t kNothing = std::numeric_limits<uint32_t>::max();
constexpr int kMaxProtocol = 5;
constexpr size_t kMaxGlobalName = 1024;

class PickleParser {
 public:
  PickleParser(std::span<const std::byte> bytes, std::string_view path, int64_t offset,
               const KnownGlobals& known)
      : bytes_(bytes), path_(path), offset_(offset), known_(known) {}

  Pickle parse();

 private:
  [[noreturn]] void refuse(FormatKind kind, const std::string& what) const {
    throw FormatError(kind, path_, offset_ + static_cast<int64_t>(opcode_at_), what);
  }

  // The bytes.
  std::string_view take(size_t count);
  const std::byte* take_bytes(size_t count) {
    return reinterpret_cast<const std::byte*>(take(count).data());
  }
  size_t take_length(size_t bytes);
  size_t take_signed_length();
  std::string_view take_line();

  // The stack.
  uint32_t make(PickleValue value);
  void push(PickleValue value) { stack_.push_back(make(std::move(value))); }
  uint32_t pop();
  uint32_t& top();
  std::vector<uint32_t> pop_to_mark();
  PickleValue& value(uint32_t index) { return pickle_.values[index]; }

  // The opcodes, in groups; each returns whether the opcode was one of its own.
  bool step(uint8_t opcode);
  bool step_scalar(uint8_t opcode);
  bool step_container(uint8_t opcode);
  bool step_memo(uint8_t opcode);
  bool step_call(uint8_t opcode);
  [[noreturn]] void refuse_opcode(uint8_t opcode) const;

  void push_int(std::string_view little_endian);
  void push_tuple(size_t count);
  void append(uint32_t to, std::span<const uint32_t> items, bool pairs);
  void push_global(std::string_view module, std::string_view name);
  void push_call();
  void remember(size_t key);
  void recall(size_t key);

  std::span<const std::byte> bytes_;
  std::string path_;
  int64_t offset_;
  const KnownGlobals& known_;
  size_t at_ = 0;
  size_t opcode_at_ = 0;
  Pickle pickle_;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;
  std::vector<uint32_t> memo_;  // by key; kNothing where there is none
  size_t remembered_ = 0;
};

std::string_view PickleParser::take(size_t count) {
  if (count > bytes_.size() - at_) {
    refuse(FormatKind::kTruncated, "the pickle ends too early; download the file again");
  }
  const char* text = reinterpret_cast<const char*>(bytes_.data()) + at_;
  at_ += count;
  return {text, count};
}

size_t PickleParser::take_length(size_t bytes) {
  const std::byte* p = take_bytes(bytes);
  return bytes == 1 ? std::to_integer<size_t>(*p) : load_le32(p);
}

/// The lengths that pickle has as signed numbers of four bytes.
size_t PickleParser::take_signed_length() {
  const size_t length = take_length(4);
  if (length > INT32_MAX) refuse(FormatKind::kBadHeader, "a negative length");
  return length;
}

std::string_view PickleParser::take_line() {
  const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_,
                              bytes_.size() - at_);
  const size_t end = rest.substr(0, kMaxGlobalName).find('\n');
  if (end == std::string_view::npos) {
    refuse(rest.size() < kMaxGlobalName ? FormatKind::kTruncated : FormatKind::kBadHeader,
           "a name without an end");
  }
  at_ += end + 1;
  return rest.substr(0, end);
}

uint32_t PickleParser::make(PickleValue value) {
  if (pickle_.values.size() > kFreeValues + bytes_.size() / kBytesPerValue) {
    refuse(FormatKind::kTooLarge, fmt::format("more than {} values", pickle_.values.size()));
  }
  pickle_.values.push_back(std::move(value));
  return static_cast<uint32_t>(pickle_.values.size() - 1);
}

uint32_t& PickleParser::top() {
  const size_t bottom = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= bottom) {
    refuse(FormatKind::kBadHeader, "a value is missing: the pickle is damaged");
  }
  return stack_.back();
}

uint32_t PickleParser::pop() {
  const uint32_t index = top();
  stack_.pop_back();
  return index;
}

std::vector<uint32_t> PickleParser::pop_to_mark() {
  if (marks_.empty()) refuse(FormatKind::kBadHeader, "a mark is missing: the pickle is damaged");
  const auto from = stack_.begin() + static_cast<ptrdiff_t>(marks_.back());
  std::vector<uint32_t> items(from, stack_.end());
  stack_.erase(from, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleParser::push_int(std::string_view little_endian) {
  if (little_endian.size() > sizeof(int64_t)) {
    push({.kind = Kind::kBigInt, .text = little_endian, .items = {}});
    return;
  }
  uint64_t number = 0;
  const bool negative = !little_endian.empty() && (little_endian.back() & 0x80) != 0;
  if (negative) number = ~uint64_t{0};
  for (size_t i = little_endian.size(); i-- > 0;) {
    number = (number << 8) | static_cast<uint8_t>(little_endian[i]);
  }
  push({.kind = Kind::kInt, .integer = static_cast<int64_t>(number), .text = {}, .items = {}});
}

bool PickleParser::step_scalar(uint8_t opcode) {
  const auto push_text = [&](size_t length) {
    push({.kind = Kind::kText, .text = take(length), .items = {}});
  };
  switch (opcode) {
    case kNoneOp:
      push({.kind = Kind::kNone, .text = {}, .items = {}});
      return true;
    case kNewTrue:
    case kNewFalse:
      push({.kind = Kind::kBool, .integer = opcode == kNewTrue, .text = {}, .items = {}});
      return true;
    case kBinInt:
      push_int(take(4));
      return true;
    case kBinInt1:
    case kBinInt2: {
      const std::byte* p = take_bytes(opcode == kBinInt1 ? 1 : 2);
      const int64_t number = opcode == kBinInt1 ? std::to_integer<int64_t>(*p) : load_le16(p);
      push({.kind = Kind::kInt, .integer = number, .text = {}, .items = {}});
      return true;
    }
    case kLong1:
      push_int(take(take_length(1)));
      return true;
    case kLong4:
      push_int(take(take_signed_length()));
      return true;
    case kBinFloat:
      take(sizeof(double));
      push({.kind = Kind::kFloat, .text = {}, .items = {}});
      return true;
    case kShortBinString:
    case kShortBinBytes:
    case kShortBinUnicode:
      push_text(take_length(1));
      return true;
    case kBinString:
      push_text(take_signed_length());
      return true;
    case kBinBytes:
    case kBinUnicode:
      push_text(take_length(4));
      return true;
    default:
      return false;
  }
}

void PickleParser::push_tuple(size_t count) {
  std::vector<uint32_t> items(count);
  for (size_t i = count; i-- > 0;) items[i] = pop();
  push({.kind = Kind::kTuple, .text = {}, .items = std::move(items)});
}

void PickleParser::append(uint32_t to, std::span<const uint32_t> items, bool pairs) {
  PickleValue& container = value(to);
  const bool fits = pairs ? container.kind == Kind::kDict || container.kind == Kind::kObject
                          : container.kind == Kind::kList || container.kind == Kind::kObject;
  if (!fits || (pairs && items.size() % 2 != 0)) {
    refuse(FormatKind::kBadHeader, "items for what is no container: the pickle is damaged");
  }
  // What is appended to an object that is not a dictionary is of no interest.
  if (!pairs && container.kind == Kind::kObject) return;
  container.items.insert(container.items.end(), items.begin(), items.end());
}

bool PickleParser::step_container(uint8_t opcode) {
  switch (opcode) {
    case kMark:
      marks_.push_back(stack_.size());
      return true;
    case kEmptyDict:
      push({.kind = Kind::kDict, .text = {}, .items = {}});
      return true;
    case kEmptyList:
    case kEmptySet:
      push({.kind = Kind::kList, .text = {}, .items = {}});
      return true;
    case kEmptyTuple:
      push_tuple(0);
      return true;
    case kTuple1:
    case kTuple2:
    case kTuple3:
      push_tuple(size_t{1} + opcode - kTuple1);
      return true;
    case kTupleOp:
      push({.kind = Kind::kTuple, .text = {}, .items = pop_to_mark()});
      return true;
    case kAppend: {
      const uint32_t item = pop();
      append(top(), std::span(&item, 1), false);
      return true;
    }
    case kSetItem: {
      const uint32_t item = pop();
      const std::array<uint32_t, 2> pair = {pop(), item};
      append(top(), pair, true);
      return true;
    }
    case kAppends:
    case kAddItems:
    case kSetItems: {
      const std::vector<uint32_t> items = pop_to_mark();
      append(top(), items, opcode == kSetItems);
      return true;
    }
    default:
      return false;
  }
}

void PickleParser::remember(size_t key) {
  if (key > kFreeMemo + bytes_.size()) {
    refuse(FormatKind::kTooLarge, fmt::format("a value is remembered as number {}", key));
  }
  if (key >= memo_.size()) memo_.resize(key + 1, kNothing);
  if (memo_[key] == kNothing) ++remembered_;
  memo_[key] = top();
}

void PickleParser::recall(size_t key) {
  if (key >= memo_.size() || memo_[key] == kNothing) {
    refuse(FormatKind::kBadHeader, fmt::format("nothing was remembered as {}", key));
  }
  stack_.push_back(memo_[key]);
}

bool PickleParser::step_memo(uint8_t opcode) {
  switch (opcode) {
    case kBinPut:
    case kLongBinPut:
      remember(take_length(opcode == kBinPut ? 1 : 4));
      return true;
    case kMemoize:
      remember(remembered_);
      return true;
    case kBinGet:
    case kLongBinGet:
      recall(take_length(opcode == kBinGet ? 1 : 4));
      return true;
    default:
      return false;
  }
}

void PickleParser::push_global(std::string_view module, std::string_view name) {
  const int code = known_(module, name);
  if (code == kForbidden) {
    refuse(FormatKind::kUnsafe,
           fmt::format("loading it would call {}.{}; save the state dict alone, as safetensors",
                       module, name));
  }
  push({.kind = Kind::kGlobal, .integer = code, .text = {}, .items = {}});
}

/// A call is noted down, never made.
void PickleParser::push_call() {
  const uint32_t arguments = pop();
  const PickleValue& callee = value(pop());
  if (callee.kind != Kind::kGlobal) {
    refuse(FormatKind::kUnsafe, "a call of something that was computed");
  }
  push({.kind = Kind::kObject, .integer = callee.integer, .text = {}, .items = {arguments}});
}

bool PickleParser::step_call(uint8_t opcode) {
  switch (opcode) {
    case kGlobalOp: {
      const std::string_view module = take_line();
      push_global(module, take_line());
      return true;
    }
    case kStackGlobal: {
      const std::string_view name = value(pop()).text;
      push_global(value(pop()).text, name);
      return true;
    }
    case kReduce:
    case kNewObj:
      push_call();
      return true;
    case kBuild:  // attributes of an object: of no interest
      pop();
      top();
      return true;
    case kBinPersid: {
      const uint32_t id = pop();
      if (value(id).kind != Kind::kTuple) {
        refuse(FormatKind::kBadHeader, "a persistent id that is no tuple, as torch.save writes it");
      }
      push({.kind = Kind::kPersistent, .text = {}, .items = {id}});
      return true;
    }
    case kInst:
    case kObj:
    case kNewObjEx:
    case kExt1:
    case kExt2:
    case kExt4:
      refuse(FormatKind::kUnsafe, fmt::format("opcode {:#04x} would run code", opcode));
    default:
      return false;
  }
}

void PickleParser::refuse_opcode(uint8_t opcode) const {
  const bool legal = kUnused.find(static_cast<char>(opcode)) != std::string_view::npos;
  refuse(legal ? FormatKind::kUnsupported : FormatKind::kBadHeader,
         fmt::format("opcode {:#04x}{}", opcode,
                     legal ? ", which torch.save does not write" : " is unknown"));
}

/// Returns false at the end mark.
bool PickleParser::step(uint8_t opcode) {
  if (opcode == kStop) return false;
  if (opcode == kProto) {
    const size_t version = take_length(1);
    if (version > kMaxProtocol) {
      refuse(FormatKind::kUnsupported, fmt::format("pickle protocol {}", version));
    }
  } else if (opcode == kFrame) {
    take(sizeof(uint64_t));  // a hint for buffering
  } else if (!step_scalar(opcode) && !step_container(opcode) && !step_memo(opcode) &&
             !step_call(opcode)) {
    refuse_opcode(opcode);
  }
  return true;
}

Pickle PickleParser::parse() {
  do {
    opcode_at_ = at_;
  } while (step(static_cast<uint8_t>(take(1)[0])));
  pickle_.root = pop();
  pickle_.size = at_;
  return std::move(pickle_);
}

}  // namespace

Pickle parse_pickle(std::span<const std::byte> bytes, std::string_view path, int64_t offset,
                    const KnownGlobals& known) {
  return PickleParser(bytes, path, offset, known).parse();
}

}  // namespace vitrine
