#pragma once

#include <cstdint>
#include <string>

namespace vitrine {

/// Bytes that the user may still write where `path` lies, or will lie once it is made; -1 if the
/// file system does not say.
int64_t free_disk_bytes(const std::string& path);

}  // namespace vitrine
