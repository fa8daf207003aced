#pragma once

#include <string>
#include <vector>

#include "models/data/dataset.hpp"

namespace vitrine::test {

/// The file of every picture.
inline std::vector<std::string> files_of(const Dataset& data) {
  std::vector<std::string> files;
  for (int64_t i = 0; i < data.size(); ++i) files.push_back(data.file(i));
  return files;
}

}  // namespace vitrine::test
