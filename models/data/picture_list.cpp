#include "models/data/picture_list.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "models/data/stratified_split.hpp"

namespace vitrine {
namespace {

// The stream of the test part; split_validation draws from another.
constexpr uint64_t kTestStream = 1;
// One seed for every run.
constexpr uint64_t kTestSeed = 0;

PictureList some_of(const PictureList& all, const std::vector<int64_t>& indices) {
  PictureList part;
  for (const int64_t i : indices) {
    part.files.push_back(all.files[static_cast<size_t>(i)]);
    part.labels.push_back(all.labels[static_cast<size_t>(i)]);
  }
  return part;
}

}  // namespace

PictureList part_of(const PictureList& all, const DatasetParts& parts, Split split,
                    const std::string& path, std::vector<std::string>& notes) {
  if (all.files.empty()) throw IoError(path, "no pictures in it");
  const bool judged = split == Split::kTest || split == Split::kTrain;
  if (!judged || !parts.test.empty() || !parts.validation.empty()) {
    if (split == Split::kTest && parts.test.empty()) {
      notes.push_back(
          fmt::format("{}: there is no test part: {} takes its place", path, parts.validation));
    }
    return all;
  }
  const TwoParts two = stratified_split(all.labels, kTestFraction,
                                        Random(kTestSeed, RandomPlace::kSplit, kTestStream));
  PictureList part = some_of(all, split == Split::kTest ? two.chosen : two.rest);
  if (part.files.empty()) throw IoError(path, "too few pictures for a test part");
  notes.push_back(
      fmt::format("{}: there is no test part: a tenth is split off for it, {} of {} pictures", path,
                  two.chosen.size(), all.files.size()));
  return part;
}

}  // namespace vitrine
