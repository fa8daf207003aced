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

Dataset::Dataset(std::vector<int32_t> labels, std::vector<std::string> class_names,
                 DatasetFacts facts)
    : labels_(std::move(labels)), class_names_(std::move(class_names)), facts_(std::move(facts)) {
  if (labels_.empty() || labels_.size() > std::numeric_limits<uint32_t>::max()) {
    throw UsageError(
        fmt::format("[dataset] must have 1 to 2^32 - 1 pictures, got {}", labels_.size()));
  }
  for (const int32_t label : labels_) {
    if (label < 0 || label >= classes()) {
      throw UsageError(fmt::format("[dataset] label {} must be below {}, the number of classes",
                                   label, classes()));
    }
  }
}

void Dataset::check_number(int64_t i) const {
  if (i < 0 || i >= size()) throw UsageError(fmt::format("[dataset] picture {} of {}", i, size()));
}

std::vector<int64_t> Dataset::class_sizes() const {
  std::vector<int64_t> sizes(class_names_.size());
  for (const int32_t label : labels_) ++sizes[static_cast<size_t>(label)];
  return sizes;
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
  // Whole numbers, so that the order of summation is nobody's concern.
  std::array<std::array<uint64_t, 256>, 3> count{};
  size_t channels = 0;
  Image storage;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const ImageView picture = dataset.picture(i, 3, Exif::kAsStored, storage);
    channels = static_cast<size_t>(picture.channels);
    for (int64_t row = 0; row < picture.height; ++row) {
      const uint8_t* pixel = picture.pixels + row * picture.pitch;
      for (int64_t x = 0; x < picture.width; ++x) {
        for (size_t c = 0; c < channels; ++c) ++count[c][*pixel++];
      }
    }
  }
  PixelStatistics statistics;
  for (size_t c = 0; c < channels; ++c) {
    uint64_t n = 0;
    uint64_t sum = 0;
    uint64_t squares = 0;
    for (uint64_t value = 0; value < 256; ++value) {
      n += count[c][value];
      sum += value * count[c][value];
      squares += value * value * count[c][value];
    }
    const double mean = static_cast<double>(sum) / static_cast<double>(n);
    const double variance = static_cast<double>(squares) / static_cast<double>(n) - mean * mean;
    statistics.mean.push_back(mean / 255);
    statistics.stddev.push_back(variance > 0 ? std::sqrt(variance) / 255 : 1);
  }
  return statistics;
}

}  // namespace vitrine
