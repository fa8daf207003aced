#pragma once

#include <stdlib.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace vitrine::test {

/// A new empty folder that is removed with what is in it.
class TempDir {
 public:
  TempDir() : path_((std::filesystem::temp_directory_path() / "vitrine-test-").string()) {
    path_.append(6, 'X');  // what mkdtemp replaces
    if (mkdtemp(path_.data()) == nullptr)
      throw std::runtime_error("cannot make a temporary folder");
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

  /// Writes a file and returns its path.
  std::string add(std::string_view name, std::span<const std::byte> bytes) const {
    std::ofstream out(file(name), std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    return file(name);
  }
  std::string add(std::string_view name, std::string_view text) const {
    return add(name, std::as_bytes(std::span(text)));
  }

  /// The names of what is in it.
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }

 private:
  std::string path_;
};

}  // namespace vitrine::test
