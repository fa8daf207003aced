#pragma once

#include <string>

namespace vitrine {

/// A file that comes with the program: `checkout` below the checkout that the program was built in,
/// else `installed` below share/vitrine/ of where it is installed. "" if it is in neither place.
std::string shared_file(const std::string& checkout, const std::string& installed);

}  // namespace vitrine
