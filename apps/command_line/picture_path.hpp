#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vitrine {

/// Where a picture is written that the user asked for with `option` (for messages) as `out`: the
/// file itself if it ends in .png; `name` inside it if it is a folder or has no extension (the
/// folder is made); `name` alone if it is empty. Throws UsageError for another extension, since
/// pictures are PNG, and if the folder of the file is not there: to be called before the work is
/// done.
std::string picture_path(const std::string& option, const std::string& out,
                         const std::string& name);

/// The same for one picture per file: OUT-1.png, OUT-2.png, ... if OUT.png is the name of a file,
/// else the names of the files with `ending` instead of their extensions, in the folder. Two files
/// of one name get a number.
std::vector<std::string> picture_paths(const std::string& option, const std::string& out,
                                       const std::vector<std::string>& files,
                                       const std::string& ending);

/// A folder for several pictures, which is made. Throws UsageError if it has the name of a picture.
void make_picture_folder(const std::string& option, const std::string& out);

}  // namespace vitrine
