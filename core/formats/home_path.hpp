#pragma once

#include <string>
#include <string_view>

namespace vitrine {

/// "~" and "~/x" in the user's home, as a shell reads them; any other path as it is. Shells leave
/// what stands behind a colon alone, and nobody expands what a file holds.
std::string home_path(std::string_view path);

}  // namespace vitrine
