#pragma once

#include "core/profile.hpp"

namespace vitrine::test {

/// Profiling is on, or off, with nothing collected, as long as this lives.
struct Profiling {
  explicit Profiling(bool on) : before(profiling()) {
    set_profiling(on);
    reset_profile();
  }
  ~Profiling() {
    set_profiling(before);
    reset_profile();
  }
  bool before;
};

}  // namespace vitrine::test
