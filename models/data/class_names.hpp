#pragma once

#include <string>
#include <vector>

namespace vitrine {

/// Throws FormatError(kBadHeader) unless `name`, found at `path`, is UTF-8 text: class names go
/// into checkpoints and reports.
void check_class_name(const std::string& name, const std::string& path);

/// A name a line; empty lines at the end do not count. Throws IoError, FormatError.
std::vector<std::string> read_class_names(const std::string& path);

}  // namespace vitrine
