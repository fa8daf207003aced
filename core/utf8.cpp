#include "core/utf8.hpp"

#include <algorithm>

namespace vitrine {

char32_t next_code(std::string_view& text) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80    ? 1
                        : first < 0xc2  ? 0  // within a sequence, or an overlong form
                        : first < 0xe0  ? 2
                        : first < 0xf0  ? 3
                        : first <= 0xf4 ? 4
                                        : 0;
  char32_t code = length == 1 ? first : static_cast<char32_t>(first & (0xff >> (length + 1)));
  bool good = length >= 1 && length <= text.size();
  for (size_t i = 1; good && i < length; ++i) {
    good = (byte(i) & 0xc0) == 0x80;
    code = (code << 6) | (byte(i) & 0x3f);
  }
  good = good && !(length == 3 && code < 0x800) && !(length == 4 && code < 0x10000) &&
         !(code >= 0xd800 && code <= 0xdfff) && code <= 0x10ffff;
  text.remove_prefix(good ? length : 1);
  return good ? code : U'\ufffd';
}

bool is_within(std::span<const CodeRange> ranges, char32_t code) {
  return std::ranges::any_of(ranges,
                             [&](const CodeRange& r) { return code >= r.first && code <= r.last; });
}

}  // namespace vitrine
