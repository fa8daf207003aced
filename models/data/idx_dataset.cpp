#include "models/data/idx_dataset.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/idx.hpp"
#include "models/data/class_names.hpp"
#include "models/data/memory_dataset.hpp"

namespace vitrine {
namespace {

constexpr const char* kFashionMnist = "/usr/share/datasets/fashion-mnist";
// Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747, table 2.
constexpr std::array<const char*, 10> kFashionClasses = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

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

/// "0" to the highest of the training labels, or of the test labels if there are no others.
std::vector<std::string> numbers_of_classes(const std::string& folder) {
  std::string path = idx_file(folder, "train-labels-idx1-ubyte");
  if (path.empty()) path = require_idx_file(folder, "t10k-labels-idx1-ubyte");
  const std::vector<uint8_t> labels = parse_idx_labels(MappedFile(path).bytes(), path);
  if (labels.empty()) throw FormatError(FormatKind::kBadShape, path, 4, "there are no labels");
  std::vector<std::string> names;
  for (int i = 0; i <= *std::ranges::max_element(labels); ++i) names.push_back(std::to_string(i));
  return names;
}

/// Adds the pictures of a part; all of one size.
void add_part(const std::string& folder, const char* images_name, const char* labels_name,
              int64_t classes, IdxPair& to) {
  const std::string images = require_idx_file(folder, images_name);
  IdxPair pair = read_idx_pair(images, require_idx_file(folder, labels_name), classes);
  if (pair.images.count == 0) {
    throw FormatError(FormatKind::kBadShape, images, 4, "there are no images");
  }
  if (to.images.count == 0) {
    to = std::move(pair);
    return;
  }
  if (pair.images.height != to.images.height || pair.images.width != to.images.width) {
    throw FormatError(FormatKind::kMismatch, images, 4,
                      "its images have another size than those of the other part");
  }
  to.images.count += pair.images.count;
  to.images.pixels.insert(to.images.pixels.end(), pair.images.pixels.begin(),
                          pair.images.pixels.end());
  to.labels.insert(to.labels.end(), pair.labels.begin(), pair.labels.end());
}

std::shared_ptr<const Dataset> open_idx(const std::string& folder, Split split,
                                        std::vector<std::string> names, DatasetFacts facts) {
  if (split == Split::kValidation) return nullptr;
  const auto classes = static_cast<int64_t>(names.size());
  IdxPair pair{};
  if (split != Split::kTest) {
    add_part(folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", classes, pair);
  }
  if (split != Split::kTrain) {
    add_part(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", classes, pair);
  }
  return std::make_shared<const MemoryDataset>(
      std::move(pair.images.pixels), pair.images.height, pair.images.width, 1,
      std::vector<int32_t>(pair.labels.begin(), pair.labels.end()), std::move(names),
      std::move(facts));
}

}  // namespace

std::shared_ptr<const Dataset> open_idx_dataset(const std::string& folder, Split split) {
  const std::string path = folder + "/labels.txt";
  std::error_code ignored;
  const bool named = std::filesystem::exists(path, ignored);
  return open_idx(folder, split, named ? read_class_names(path) : numbers_of_classes(folder),
                  {.names_known = named, .numbered = true});
}

std::shared_ptr<const Dataset> open_fashion_mnist(Split split) {
  if (idx_file(kFashionMnist, "train-images-idx3-ubyte").empty()) {
    throw IoError(kFashionMnist,
                  "the data set is not installed: apt-get install dataset-fashion-mnist");
  }
  return open_idx(kFashionMnist, split, {kFashionClasses.begin(), kFashionClasses.end()},
                  {.numbered = true});
}

}  // namespace vitrine
