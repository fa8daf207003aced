#include "models/training/run_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.hpp"
#include "models/data/check_pictures.hpp"
#include "models/inference/held_out.hpp"
#include "models/inference/match_classes.hpp"

namespace vitrine {
namespace {

/// 0 .. n - 1.
std::vector<int64_t> all_of(const Dataset& dataset) {
  std::vector<int64_t> numbers(static_cast<size_t>(dataset.size()));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace

RunData::RunData(std::string data, BadPictures bad)
    : data_(std::move(data)),
      bad_pictures_(bad),
      train_(open_dataset(data_, Split::kTrain)),
      validation_(open_dataset(data_, Split::kValidation)),
      pictures_(train_->size()) {
  add_notes(*train_);
  if (validation_ == nullptr) return;
  validation_pictures_ = validation_->size();
  add_notes(*validation_);
  notes_.push_back(
      fmt::format("data {}: the {} pictures of {} choose the best weights, none are split off for "
                  "that",
                  data_, validation_pictures_, dataset_parts(data_).validation));
}

void RunData::add_notes(const Dataset& dataset) {
  for (const std::string& note : dataset.notes()) {
    if (std::ranges::find(notes_, note) == notes_.end()) notes_.push_back(note);
  }
}

void RunData::go_on(const Model& model, bool with_validation_part) {
  if (with_validation_part != has_validation_part()) {
    if (with_validation_part) {
      throw UsageError(fmt::format("data {} had a validation part when the run began", data_));
    }
    validation_ = nullptr;
    validation_pictures_ = 0;
    notes_.back() = fmt::format(
        "data {}: its validation part takes no part in this run, which began without it", data_);
  }
  const auto matched = [&](const std::shared_ptr<const Dataset>& dataset) {
    MatchedDataset m = match_classes(dataset, data_, classes_of(model), ClassMatch::kSame);
    notes_.insert(notes_.end(), m.notes.begin(), m.notes.end());
    return m.data;
  };
  train_ = matched(train_);
  if (validation_ != nullptr) validation_ = matched(validation_);
}

void RunData::leave_out_bad_pictures(int channels, int64_t began_with) {
  if (bad_pictures_ == BadPictures::kFail) return;
  const auto read = [&](const std::shared_ptr<const Dataset>& dataset) {
    ReadablePictures readable = readable_pictures(dataset, channels);
    bad_.insert(bad_.end(), readable.bad.begin(), readable.bad.end());
    return readable;
  };
  const ReadablePictures readable = read(train_);
  if (began_with == train_->size()) {
    left_out_ = readable.bad_numbers;
  } else {
    train_ = readable.dataset;
    pictures_ = train_->size();
  }
  if (validation_ != nullptr) validation_ = read(validation_).dataset;
}

RunSplit RunData::split(double fraction, uint64_t seed, bool every_class) const {
  RunSplit split;
  std::vector<int32_t> labels = train_->labels();
  std::vector<int64_t> numbers;
  if (validation_ == nullptr) {
    ValidationSplit parts = split_validation(*train_, fraction, seed, every_class);
    split.train = std::move(parts.train);
    numbers = split.validation = std::move(parts.validation);
  } else {
    split.train = all_of(*train_);
    split.validation = all_of(*validation_);
    for (const int64_t i : split.validation) numbers.push_back(train_->size() + i);
    labels.insert(labels.end(), validation_->labels().begin(), validation_->labels().end());
  }
  split.held_out = held_out(labels, numbers);
  const auto bad = [&](int64_t i) { return std::ranges::binary_search(left_out_, i); };
  std::erase_if(split.train, bad);
  if (validation_ == nullptr) std::erase_if(split.validation, bad);
  return split;
}

std::shared_ptr<const Dataset> RunData::open_test(const Model& model) const {
  return match_classes(open_dataset(data_, Split::kTest), data_, classes_of(model),
                       ClassMatch::kSame)
      .data;
}

std::shared_ptr<const Dataset> RunData::test(const Model& model,
                                             std::vector<std::string>& bad) const {
  std::shared_ptr<const Dataset> data = open_test(model);
  if (bad_pictures_ == BadPictures::kFail) return data;
  ReadablePictures readable = readable_pictures(data, model.preprocess.channels);
  bad = std::move(readable.bad);
  return readable.dataset;
}

void RunData::check(const Model& model) {
  const std::shared_ptr<const Dataset> test = open_test(model);
  add_notes(*test);
  const int channels = model.preprocess.channels;
  check_pictures(*train_, channels, bad_pictures_);
  if (validation_ != nullptr) check_pictures(*validation_, channels, bad_pictures_);
  check_pictures(*test, channels, bad_pictures_);
}

}  // namespace vitrine
