#pragma once

#include <span>
#include <string>

#include "core/images/image.hpp"

namespace vitrine {

struct ClassifiedPicture {
  Image picture = {};
  std::string predicted = {};
  double probability = 0;         ///< of `predicted`
  std::string truth = {};         ///< empty if nobody knows
  double truth_probability = -1;  ///< of `truth`; negative if that is not known
  std::string source = {};        ///< which picture it is, as the name of its file; may be empty
  bool right = false;             ///< two classes may have one name, so names cannot tell
};

/// Pictures with what the network says below each: green if that is the truth, red with the truth
/// below if it is not, black if the truth is not known; and its source, shortened in the middle.
///   title  one line; may be empty
/// Without pictures, the title alone. Throws ShapeError if there is neither, or a picture has no
/// pixels.
Image contact_sheet(std::span<const ClassifiedPicture> pictures, const std::string& title);

}  // namespace vitrine
