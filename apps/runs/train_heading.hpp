#pragma once

#include "models/training/run.hpp"

namespace vitrine {

/// Prints what is about to be trained, with what, and what it will take.
void print_heading(Run& run);

/// Says on standard error what may not be as the user wants it: memory, validation pictures.
void print_warnings(Run& run);

}  // namespace vitrine
