#include "models/picture_list.hpp"

#include "models/stratified_split.hpp"

namespace vitrine {
namespace {

// The stream of the test part; split_validation draws from another.
constexpr uint64_t kTestStream = 1;
// One seed for every run.
constexpr uint64_t kTestSeed = 0;

}  // namespace

PictureList part_of(const PictureList& all, Split split) {
  const TwoParts parts = stratified_split(all.labels, kTestFraction,
                                          Random(kTestSeed, RandomPlace::kSplit, kTestStream));
  PictureList part;
  for (const int64_t i : split == Split::kTest ? parts.chosen : parts.rest) {
    part.files.push_back(all.files[static_cast<size_t>(i)]);
    part.labels.push_back(all.labels[static_cast<size_t>(i)]);
  }
  return part;
}

}  // namespace vitrine
