#include "models/data/cifar_dataset.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "core/error.hpp"
#include "core/formats/cifar.hpp"
#include "core/formats/file.hpp"
#include "models/data/class_names.hpp"
#include "models/data/memory_dataset.hpp"

namespace vitrine {
namespace {

constexpr int kBatches = 5;  // of CIFAR-10's training part

/// Where the names of the classes are.
std::string names_path(const std::string& folder, int classes) {
  return folder + (classes == 10 ? "/batches.meta.txt" : "/fine_label_names.txt");
}

/// They come with the data; where their file is missing, classes are numbers.
std::vector<std::string> class_names(const std::string& path, bool named, int classes) {
  std::vector<std::string> names;
  if (named) {
    names = read_class_names(path);
    if (std::ssize(names) != classes) {
      throw FormatError(FormatKind::kMismatch, path, -1,
                        fmt::format("{} names for {} classes", names.size(), classes));
    }
  } else {
    names.reserve(static_cast<size_t>(classes));
    for (int i = 0; i < classes; ++i) names.push_back(std::to_string(i));
  }
  return names;
}

/// The files of a part, the training part first.
std::vector<std::string> files_of(bool ten, Split split) {
  std::vector<std::string> files;
  if (split != Split::kTest) {
    if (!ten) files.emplace_back("train.bin");
    for (int i = 1; ten && i <= kBatches; ++i) files.push_back(fmt::format("data_batch_{}.bin", i));
  }
  if (split != Split::kTrain) files.emplace_back(ten ? "test_batch.bin" : "test.bin");
  return files;
}

}  // namespace

std::shared_ptr<const Dataset> open_cifar_dataset(const std::string& folder, int classes,
                                                  Split split) {
  if (split == Split::kValidation) return nullptr;
  const bool ten = classes == 10;
  std::vector<uint8_t> pixels;
  std::vector<int32_t> labels;
  for (const std::string& file : files_of(ten, split)) {
    const MappedFile mapped(fmt::format("{}/{}", folder, file));
    const CifarImages part = parse_cifar(mapped.bytes(), ten ? 1 : 2, classes, mapped.path());
    pixels.insert(pixels.end(), part.pixels.begin(), part.pixels.end());
    labels.insert(labels.end(), part.labels.begin(), part.labels.end());
  }
  const std::string path = names_path(folder, classes);
  std::error_code ignored;
  const bool named = std::filesystem::exists(path, ignored);
  return std::make_shared<const MemoryDataset>(
      std::move(pixels), kCifarSide, kCifarSide, 3, std::move(labels),
      class_names(path, named, classes), DatasetFacts{.names_known = named, .numbered = true});
}

}  // namespace vitrine
