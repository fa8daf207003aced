#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/data/bad_pictures.hpp"
#include "models/data/dataset.hpp"
#include "models/weights/model.hpp"

namespace vitrine {

/// Which pictures a run learns and which choose its best weights: numbers in RunData's data sets.
struct RunSplit {
  std::vector<int64_t> train, validation;
  std::string held_out;  ///< models/inference/held_out.hpp
};

/// The pictures of a training run. Those that choose the best weights are the data's own validation
/// part where there is one, else a part of what would be learned.
class RunData {
 public:
  /// Opens what `data` (open_dataset) has to train on. Throws as open_dataset.
  RunData(std::string data, BadPictures bad);

  const std::shared_ptr<const Dataset>& train() const { return train_; }
  /// The pictures that choose the best weights are some of these.
  const std::shared_ptr<const Dataset>& validation() const {
    return validation_ == nullptr ? train_ : validation_;
  }
  bool has_validation_part() const { return validation_ != nullptr; }
  /// Pictures that there were before bad ones were left out, of both.
  int64_t pictures() const { return pictures_; }
  int64_t validation_pictures() const { return validation_pictures_; }

  /// What people should know, a line each.
  const std::vector<std::string>& notes() const { return notes_; }
  /// What was left out, a message each.
  const std::vector<std::string>& bad_pictures() const { return bad_; }

  /// For a run that goes on: labels become those of `model`, whose classes must be the same, and
  /// the data's own validation part counts only if the run began with it. Throws UsageError.
  void go_on(const Model& model, bool with_validation_part);

  /// Leaves out what cannot be read, if that is wanted, before anything is split. A run that began
  /// with `began_with` pictures, bad ones among them, keeps its split: what was not learned stays
  /// so. 0 for a new run.
  void leave_out_bad_pictures(int channels, int64_t began_with = 0);

  /// The split; `fraction` and `every_class` are those of split_validation, for data without a
  /// validation part.
  RunSplit split(double fraction, uint64_t seed, bool every_class) const;

  /// The test data with the labels of `model`. Bad pictures are left out if that is wanted; a
  /// message for each goes to `bad`.
  std::shared_ptr<const Dataset> test(const Model& model, std::vector<std::string>& bad) const;

  /// Makes sure that the run will find what it needs at its end: test pictures of known classes,
  /// and the files of all parts. Adds to notes(). Throws UsageError, IoError, FormatError.
  void check(const Model& model);

 private:
  std::shared_ptr<const Dataset> open_test(const Model& model) const;
  void add_notes(const Dataset& dataset);

  std::string data_;
  BadPictures bad_pictures_;
  std::shared_ptr<const Dataset> train_, validation_;
  int64_t pictures_ = 0, validation_pictures_ = 0;
  std::vector<std::string> notes_, bad_;
  std::vector<int64_t> left_out_;  // of train_: bad, but in the split
};

}  // namespace vitrine
