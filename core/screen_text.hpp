#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vitrine {

/// Text of files (UTF-8) as one line for a terminal: what could end the line, rule the terminal or
/// turn the direction of writing is written as \x1b or \u202e, and so are bytes that are not UTF-8.
/// What is shown stays as it is when it is shown again.
std::string screen_text(std::string_view text);

/// The same into room that is there: as much as fits, ended by a zero, no character cut in two.
/// Takes no memory. `room` has at least one place.
void screen_text(std::string_view text, std::span<char> room);

/// As screen_text, for a text of several lines: new lines stay.
std::string screen_lines(std::string_view text);

/// As screen_text, for JSON: an escape is one of JSON's, so that the value stays the same.
std::string screen_json(std::string_view json);

}  // namespace vitrine
