#include "core/formats/disk_space.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>

namespace vitrine {

int64_t free_disk_bytes(const std::string& path) {
  std::error_code error;
  std::filesystem::path place = std::filesystem::absolute(path, error);
  while (!std::filesystem::exists(place, error) && place.has_relative_path()) {
    place = place.parent_path();
  }
  struct statvfs status = {};
  // Some file systems in user space know no sizes and say zero.
  if (::statvfs(place.c_str(), &status) != 0 || status.f_blocks == 0) return -1;
  const auto most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  const uint64_t block = std::max<uint64_t>(status.f_frsize, 1);
  if (status.f_bavail > most / block) return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(status.f_bavail * block);
}

}  // namespace vitrine
