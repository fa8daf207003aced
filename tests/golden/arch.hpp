#pragma once

#include "tests/golden/case.hpp"

namespace vitrine::golden {

/// A manifest's "arch" as a configuration of ours: its keys are timm's habits in a few places where
/// ours say the mathematics.
Json arch_of(const Json& entry);

}  // namespace vitrine::golden
