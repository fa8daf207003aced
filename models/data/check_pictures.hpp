#pragma once

#include "models/data/bad_pictures.hpp"
#include "models/data/dataset.hpp"

namespace vitrine {

/// Makes sure, before long work begins, that the pictures are there: every file exists and is a
/// regular one, and the first can be decoded with `channels`. With kSkip one that can be decoded is
/// enough. Pictures in memory are there. Throws IoError or FormatError with the file's name.
void check_pictures(const Dataset& dataset, int channels, BadPictures bad);

}  // namespace vitrine
