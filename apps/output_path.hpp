#pragma once

#include <string>

namespace vitrine {

// Whether what is to be written can be, said before any work.

/// Whether a path reads like a file's: it has an ending of letters ("y.onnx", not "vit-1.5"), no
/// slash behind it, and is no folder.
bool names_a_file(const std::string& path);

/// Throws UsageError if `path`, which is to be a folder, names a file; `why` says why it is to be
/// one.
void require_folder(const std::string& what, const std::string& path, const std::string& why);

}  // namespace vitrine
