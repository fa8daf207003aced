#include "models/data/dataset_view.hpp"

#include <fmt/format.h>

#include "core/error.hpp"

namespace vitrine {
namespace {

/// Pictures of another data set, by their numbers there.
class DatasetView : public Dataset {
 public:
  DatasetView(std::shared_ptr<const Dataset> of, std::vector<int64_t> indices,
              std::vector<int32_t> labels, std::vector<std::string> class_names)
      : Dataset(std::move(labels), std::move(class_names), of->facts()),
        of_(std::move(of)),
        indices_(std::move(indices)) {}

  ImageView picture(int64_t i, int channels, Exif exif, Image& storage) const override {
    return of_->picture(there(i), channels, exif, storage);
  }
  std::string file(int64_t i) const override { return of_->file(there(i)); }

 private:
  int64_t there(int64_t i) const {
    check_number(i);
    return indices_.empty() ? i : indices_[static_cast<size_t>(i)];
  }

  std::shared_ptr<const Dataset> of_;
  std::vector<int64_t> indices_;  // empty: all
};

}  // namespace

std::shared_ptr<const Dataset> with_labels(std::shared_ptr<const Dataset> data,
                                           std::vector<int32_t> labels,
                                           std::vector<std::string> class_names) {
  if (std::ssize(labels) != data->size()) {
    throw ShapeError(
        fmt::format("[dataset] {} labels for {} pictures", labels.size(), data->size()));
  }
  return std::make_shared<const DatasetView>(std::move(data), std::vector<int64_t>(),
                                             std::move(labels), std::move(class_names));
}

std::shared_ptr<const Dataset> some_of(std::shared_ptr<const Dataset> data,
                                       std::vector<int64_t> indices) {
  std::vector<int32_t> labels;
  labels.reserve(indices.size());
  for (const int64_t i : indices) {
    data->check_number(i);
    labels.push_back(data->labels()[static_cast<size_t>(i)]);
  }
  std::vector<std::string> names = data->class_names();
  return std::make_shared<const DatasetView>(std::move(data), std::move(indices), std::move(labels),
                                             std::move(names));
}

}  // namespace vitrine
