#pragma once

#include <string>

#include "core/error.hpp"

namespace vitrine::test {

/// The message of the FormatError that `action` throws.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const FormatError& e) {
    return e.what();
  }
  return "nothing was refused";
}

}  // namespace vitrine::test
