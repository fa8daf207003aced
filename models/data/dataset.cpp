#include "models/data/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>

#include "core/error.hpp"
#include "core/formats/home_path.hpp"
#include "core/text/nearest_name.hpp"
#include "models/data/cifar_dataset.hpp"
#include "models/data/csv_dataset.hpp"
#include "models/data/folder_dataset.hpp"
#include "models/data/idx_dataset.hpp"
#include "models/data/stratified_split.hpp"

namespace vitrine {
namespace {

constexpr uint64_t kValidationStream = 0;

void check_labels(const std::vector<int32_t>& labels, size_t classes) {
  if (labels.empty() || labels.size() > std::numeric_limits<uint32_t>::max()) {
    throw ShapeError(
        fmt::format("[dataset] must have 1 to 2^32 - 1 pictures, got {}", labels.size()));
  }
  for (const int32_t label : labels) {
    if (label < 0 || static_cast<size_t>(label) >= classes) {
      throw ShapeError(fmt::format("[dataset] label {} must be below {}, the number of classes",
                                   label, classes));
    }
  }
}

/// What somebody may have meant who wrote `name`; "" if nothing is near.
std::string nearest_dataset(const std::string& name) {
  std::error_code ignored;
  if (std::filesystem::is_directory(name, ignored)) {
    const std::string images = name + "/train-images-idx3-ubyte";
    const bool idx = std::filesystem::exists(images, ignored) ||
                     std::filesystem::exists(images + ".gz", ignored);
    return (idx ? "idx:" : "folder:") + name;
  }
  if (std::filesystem::is_regular_file(name, ignored)) {
    return name.ends_with(".csv") ? "csv:" + name : "";
  }
  static const std::vector<std::string> kinds = {"idx", "cifar10", "cifar100", "folder", "csv"};
  static const std::vector<std::string> names = {"fashion-mnist"};
  const size_t colon = name.find(':');
  if (colon == std::string::npos) return nearest_name(name, names);
  const std::string kind = nearest_name(name.substr(0, colon), kinds);
  return kind.empty() ? "" : kind + name.substr(colon);
}

[[noreturn]] void unknown(std::string_view name) {
  const std::string nearest = nearest_dataset(std::string(name));
  throw UsageError(fmt::format("unknown data set '{}'; {}known are {}", name,
                               nearest.empty() ? "" : "did you mean " + nearest + "? ",
                               kDatasetNames));
}

/// "folder:~/x" is "folder" and what lies at ~/x; fashion-mnist lies nowhere.
std::pair<std::string_view, std::string> kind_and_path(std::string_view name) {
  const size_t colon = name.find(':');
  if (name == "fashion-mnist") return {name, ""};
  if (colon == std::string_view::npos || colon + 1 == name.size()) unknown(name);
  return {name.substr(0, colon), home_path(name.substr(colon + 1))};
}

}  // namespace

Dataset::Dataset(std::vector<uint8_t> pixels, int64_t height, int64_t width, int channels,
                 std::vector<int32_t> labels, std::vector<std::string> class_names,
                 DatasetFacts facts)
    : pixels_(std::move(pixels)),
      height_(height),
      width_(width),
      channels_(channels),
      labels_(std::move(labels)),
      class_names_(std::move(class_names)),
      facts_(std::move(facts)) {
  check_labels(labels_, class_names_.size());
  if (height < 1 || width < 1 || (channels != 1 && channels != 3) ||
      static_cast<int64_t>(pixels_.size()) != size() * height * width * channels) {
    throw ShapeError(fmt::format("[dataset] {} bytes are not {} pictures of {} x {} x {}",
                                 pixels_.size(), size(), height, width, channels));
  }
}

Dataset::Dataset(std::vector<std::string> files, std::vector<int32_t> labels,
                 std::vector<std::string> class_names, DatasetFacts facts)
    : files_(std::move(files)),
      labels_(std::move(labels)),
      class_names_(std::move(class_names)),
      facts_(std::move(facts)) {
  check_labels(labels_, class_names_.size());
  if (files_.size() != labels_.size()) {
    throw ShapeError(
        fmt::format("[dataset] {} labels for {} files", labels_.size(), files_.size()));
  }
}

Dataset Dataset::with_labels(std::vector<int32_t> labels,
                             std::vector<std::string> class_names) const {
  check_labels(labels, class_names.size());
  if (labels.size() != labels_.size()) {
    throw ShapeError(fmt::format("[dataset] {} labels for {} pictures", labels.size(), size()));
  }
  Dataset other = *this;
  other.labels_ = std::move(labels);
  other.class_names_ = std::move(class_names);
  return other;
}

Dataset Dataset::some(const std::vector<int64_t>& indices) const {
  Dataset other = *this;
  other.pixels_.clear();
  other.files_.clear();
  other.labels_.clear();
  const auto bytes = static_cast<int64_t>(in_memory() ? height_ * width_ * channels_ : 0);
  for (const int64_t i : indices) {
    if (i < 0 || i >= size()) {
      throw ShapeError(fmt::format("[dataset] picture {} of {}", i, size()));
    }
    if (!in_memory()) other.files_.push_back(files_[static_cast<size_t>(i)]);
    other.pixels_.insert(other.pixels_.end(), pixels_.begin() + i * bytes,
                         pixels_.begin() + (i + 1) * bytes);
    other.labels_.push_back(labels_[static_cast<size_t>(i)]);
  }
  check_labels(other.labels_, class_names_.size());
  return other;
}

std::vector<int64_t> Dataset::class_sizes() const {
  std::vector<int64_t> sizes(class_names_.size());
  for (const int32_t label : labels_) ++sizes[static_cast<size_t>(label)];
  return sizes;
}

ImageView Dataset::picture(int64_t i, int channels, Exif exif, Image& storage) const {
  if (i < 0 || i >= size()) {
    throw ShapeError(fmt::format("[dataset] picture {} of {}", i, size()));
  }
  if (in_memory()) {
    return {pixels_.data() + i * height_ * width_ * channels_, width_, height_, channels_};
  }
  storage = read_image(files_[static_cast<size_t>(i)], channels, exif);
  return storage;
}

std::shared_ptr<const Dataset> open_dataset(std::string_view name, Split split) {
  if (name == "fashion-mnist") return open_fashion_mnist(split);
  const auto [kind, path] = kind_and_path(name);
  if (kind == "idx") return open_idx_dataset(path, split);
  if (kind == "cifar10") return open_cifar_dataset(path, 10, split);
  if (kind == "cifar100") return open_cifar_dataset(path, 100, split);
  if (kind == "csv") return open_csv_dataset(path, split);
  if (kind == "folder") return open_folder_dataset(path, split);
  unknown(name);
}

DatasetParts dataset_parts(std::string_view name) {
  const auto [kind, path] = kind_and_path(name);
  if (kind == "csv") return csv_parts(path);
  if (kind == "folder") return folder_parts(path);
  return {"train", "", "test"};  // in files of their own
}

ValidationSplit split_validation(const Dataset& dataset, double fraction, uint64_t seed,
                                 bool every_class) {
  if (!(fraction >= 0 && fraction < 1)) {
    throw UsageError(
        fmt::format("the validation part must be 0 to 1 of the data, got {}", fraction));
  }
  const Random random(seed, RandomPlace::kSplit, kValidationStream);
  const auto& split = every_class ? split_every_class : stratified_split;
  TwoParts parts = split(dataset.labels(), fraction, random);
  return {std::move(parts.rest), std::move(parts.chosen)};
}

PixelStatistics pixel_statistics(const Dataset& dataset) {
  if (!dataset.in_memory()) {
    throw UsageError("pixel statistics are for data sets in memory, not for folders");
  }
  const auto channels = static_cast<size_t>(dataset.channels());
  PixelStatistics statistics;
  for (size_t c = 0; c < channels; ++c) {
    // Whole numbers, so that the order of summation is nobody's concern.
    std::array<uint64_t, 256> count{};
    for (size_t i = c; i < dataset.pixels().size(); i += channels) ++count[dataset.pixels()[i]];
    uint64_t n = 0;
    uint64_t sum = 0;
    uint64_t squares = 0;
    for (uint64_t value = 0; value < 256; ++value) {
      n += count[value];
      sum += value * count[value];
      squares += value * value * count[value];
    }
    const double mean = static_cast<double>(sum) / static_cast<double>(n);
    const double variance = static_cast<double>(squares) / static_cast<double>(n) - mean * mean;
    statistics.mean.push_back(mean / 255);
    statistics.stddev.push_back(variance > 0 ? std::sqrt(variance) / 255 : 1);
  }
  return statistics;
}

}  // namespace vitrine
