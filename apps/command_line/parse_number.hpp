#pragma once

#include <string>
#include <string_view>

namespace vitrine {

/// Reads a number that stands alone, in decimal; a plus before it is allowed. Number is int,
/// int64_t, uint64_t or double. Returns "" and sets `value`, or what is wrong with the text:
///   "'five' is no whole number", "'0,001' is no number: write 0.001"
/// nan and inf are none.
template <class Number>
std::string parse_number(std::string_view text, Number& value);

}  // namespace vitrine
