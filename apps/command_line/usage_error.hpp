#pragma once

#include <string>

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace vitrine {

/// What is wrong with a command line that CLI11 refused, on one line: the first word that nobody
/// knows, with the nearest that is known, else what CLI11 says; and which --help has more.
///   app   the program, as it is after parsing
std::string usage_error(const CLI::App& app, const CLI::Error& error);

}  // namespace vitrine
