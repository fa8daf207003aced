#pragma once

namespace vitrine {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace vitrine
