#pragma once

#include <memory>
#include <string>

#include "models/data/dataset.hpp"

namespace vitrine {

/// csv:PATH of open_dataset: a list in UTF-8 with a line FILE,LABEL per picture, or a folder with a
/// list for each part, such as train.csv (models/data/part_names.hpp).
///   - Fields may stand in double quotes, must where they hold a comma; a quote is written twice.
///     Blanks around a field do not count, nor do empty lines and a byte order mark.
///   - Files are relative to the list; ~/ is the user's home.
///   - A first line whose file is no name of a picture and does not exist, and whose label is that
///     of no other line, is a header.
/// Classes are the labels of the training part. Everything else is refused by the line's number.
std::shared_ptr<const Dataset> open_csv_dataset(const std::string& path, Split split);

/// The parts of csv:PATH: a list for each; none of a list alone. Throws IoError.
DatasetParts csv_parts(const std::string& path);

}  // namespace vitrine
