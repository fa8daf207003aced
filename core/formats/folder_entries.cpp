#include "core/formats/folder_entries.hpp"

#include <dirent.h>

#include <cerrno>
#include <memory>
#include <new>

namespace vitrine {
namespace {

std::error_code system_error(int code) {
  if (code == ENOMEM) throw std::bad_alloc();
  return {code, std::generic_category()};
}

}  // namespace

std::error_code for_each_entry(const std::string& folder,
                               const std::function<bool(const std::string& name)>& visit) {
  const auto close = [](DIR* directory) { closedir(directory); };
  const std::unique_ptr<DIR, decltype(close)> directory(opendir(folder.c_str()), close);
  if (directory == nullptr) return system_error(errno);
  while (true) {
    errno = 0;
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) return system_error(errno);
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != ".." && !visit(name)) return {};
  }
}

}  // namespace vitrine
