#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/data/dataset.hpp"

namespace vitrine {

/// What becomes of files that cannot be read or decoded.
enum class BadPictures {
  kFail,  ///< the first one ends the run
  kSkip,  ///< they are left out before the run begins
};

/// A data set whose every picture can be decoded, and what was left out.
struct ReadablePictures {
  std::shared_ptr<const Dataset> dataset;
  std::vector<std::string> bad;      ///< a message each, with the file's name, in their order
  std::vector<int64_t> bad_numbers;  ///< in the data set that was given
};

/// Decodes every file once, on all threads, and leaves out those that fail. Decided before anything
/// is split or shuffled, so that a run is a function of the files as if the bad ones had never been
/// there. `channels` as the run decodes them. Pictures in memory are all good. Throws IoError if
/// none is left.
ReadablePictures readable_pictures(const std::shared_ptr<const Dataset>& dataset, int channels);

}  // namespace vitrine
