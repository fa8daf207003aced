#pragma once

#include <exception>

namespace vitrine {

/// Ends long work because the user asked for it (Ctrl-C). No Error: nothing went wrong, and who
/// goes on after an Error, with the next picture, does not go on after this.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// Who knows whether the user asked: the program; a library's host is never asked. Null for nobody.
void set_interrupt_question(bool (*asked)());

/// Throws Interrupted if the user asked for the end. For every step of long work, in parallel tasks
/// too.
void throw_if_interrupted();

}  // namespace vitrine
