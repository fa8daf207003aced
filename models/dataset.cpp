#include "models/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/idx.hpp"
#include "models/cifar_dataset.hpp"
#include "models/class_names.hpp"
#include "models/csv_dataset.hpp"
#include "models/folder_dataset.hpp"
#include "models/stratified_split.hpp"

namespace vitrine {
namespace {

constexpr const char* kFashionMnist = "/usr/share/datasets/fashion-mnist";
// Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747, table 2.
constexpr std::array<const char*, 10> kFashionClasses = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

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

/// DIR/<name>, or with .gz behind it; "" if there is neither.
std::string idx_file(const std::string& folder, const char* name) {
  std::error_code ignored;
  for (const char* ending : {"", ".gz"}) {
    std::string path = folder + "/" + name + ending;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return "";
}

std::string require_idx_file(const std::string& folder, const char* name) {
  std::string path = idx_file(folder, name);
  if (path.empty()) throw IoError(folder + "/" + name, "no such file, nor one with .gz behind it");
  return path;
}

/// labels.txt, or else the numbers of the classes that occur in the training labels (in the test
/// labels if there are no others).
std::vector<std::string> idx_class_names(const std::string& folder) {
  const std::string names_path = folder + "/labels.txt";
  std::error_code ignored;
  if (std::filesystem::exists(names_path, ignored)) return read_class_names(names_path);

  std::string path = idx_file(folder, "train-labels-idx1-ubyte");
  if (path.empty()) path = require_idx_file(folder, "t10k-labels-idx1-ubyte");
  const std::vector<uint8_t> labels = parse_idx_labels(MappedFile(path).bytes(), path);
  if (labels.empty()) throw FormatError(FormatKind::kBadShape, path, 4, "there are no labels");
  std::vector<std::string> names;
  for (int i = 0; i <= *std::ranges::max_element(labels); ++i) names.push_back(std::to_string(i));
  return names;
}

std::shared_ptr<const Dataset> open_idx(const std::string& folder, Split split,
                                        std::vector<std::string> names) {
  const bool train = split == Split::kTrain;
  const std::string images =
      require_idx_file(folder, train ? "train-images-idx3-ubyte" : "t10k-images-idx3-ubyte");
  const std::string labels =
      require_idx_file(folder, train ? "train-labels-idx1-ubyte" : "t10k-labels-idx1-ubyte");
  IdxPair pair = read_idx_pair(images, labels, static_cast<int64_t>(names.size()));
  if (pair.images.count == 0) {
    throw FormatError(FormatKind::kBadShape, images, 4, "there are no images");
  }
  return std::make_shared<const Dataset>(
      std::move(pair.images.pixels), pair.images.height, pair.images.width, 1,
      std::vector<int32_t>(pair.labels.begin(), pair.labels.end()), std::move(names));
}

std::shared_ptr<const Dataset> open_fashion_mnist(Split split) {
  if (idx_file(kFashionMnist, "train-images-idx3-ubyte").empty()) {
    throw IoError(kFashionMnist,
                  "the data set is not installed: apt-get install dataset-fashion-mnist");
  }
  return open_idx(kFashionMnist, split, {kFashionClasses.begin(), kFashionClasses.end()});
}

}  // namespace

Dataset::Dataset(std::vector<uint8_t> pixels, int64_t height, int64_t width, int channels,
                 std::vector<int32_t> labels, std::vector<std::string> class_names)
    : pixels_(std::move(pixels)),
      height_(height),
      width_(width),
      channels_(channels),
      labels_(std::move(labels)),
      class_names_(std::move(class_names)) {
  check_labels(labels_, class_names_.size());
  if (height < 1 || width < 1 || (channels != 1 && channels != 3) ||
      static_cast<int64_t>(pixels_.size()) != size() * height * width * channels) {
    throw ShapeError(fmt::format("[dataset] {} bytes are not {} pictures of {} x {} x {}",
                                 pixels_.size(), size(), height, width, channels));
  }
}

Dataset::Dataset(std::vector<std::string> files, std::vector<int32_t> labels,
                 std::vector<std::string> class_names)
    : files_(std::move(files)), labels_(std::move(labels)), class_names_(std::move(class_names)) {
  check_labels(labels_, class_names_.size());
  if (files_.size() != labels_.size()) {
    throw ShapeError(
        fmt::format("[dataset] {} labels for {} files", labels_.size(), files_.size()));
  }
}

ImageView Dataset::picture(int64_t i, int channels, Image& storage) const {
  if (i < 0 || i >= size()) {
    throw ShapeError(fmt::format("[dataset] picture {} of {}", i, size()));
  }
  if (in_memory()) {
    return {pixels_.data() + i * height_ * width_ * channels_, width_, height_, channels_};
  }
  storage = read_image(files_[static_cast<size_t>(i)], channels);
  return storage;
}

std::shared_ptr<const Dataset> open_dataset(std::string_view name, Split split) {
  if (name == "fashion-mnist") return open_fashion_mnist(split);
  const size_t colon = name.find(':');
  const std::string_view kind = name.substr(0, colon);
  if (colon != std::string_view::npos && colon + 1 < name.size()) {
    const std::string folder(name.substr(colon + 1));
    if (kind == "idx") return open_idx(folder, split, idx_class_names(folder));
    if (kind == "cifar10") return open_cifar_dataset(folder, 10, split);
    if (kind == "cifar100") return open_cifar_dataset(folder, 100, split);
    if (kind == "csv") return open_csv_dataset(folder, split);
    if (kind == "folder") return open_folder_dataset(folder, split);
  }
  throw UsageError(fmt::format("unknown data set '{}'; known are {}", name, kDatasetNames));
}

ValidationSplit split_validation(const Dataset& dataset, double fraction, uint64_t seed) {
  if (!(fraction >= 0 && fraction < 1)) {
    throw UsageError(
        fmt::format("the validation part must be 0 to 1 of the data, got {}", fraction));
  }
  TwoParts parts = stratified_split(dataset.labels(), fraction,
                                    Random(seed, RandomPlace::kSplit, kValidationStream));
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
