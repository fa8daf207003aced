#pragma once

#include <functional>
#include <string>
#include <system_error>

namespace vitrine {

/// Calls `visit` with the name of each thing in a folder, in the system's order, until it returns
/// false. Returns why the folder cannot be read (to the end), if so; throws std::bad_alloc where
/// memory ends, at which std::filesystem's iterators of g++ 12 would end the process.
std::error_code for_each_entry(const std::string& folder,
                               const std::function<bool(const std::string& name)>& visit);

}  // namespace vitrine
