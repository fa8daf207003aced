#include "models/cifar_dataset.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "core/cifar.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "models/class_names.hpp"

namespace vitrine {
namespace {

constexpr int kBatches = 5;  // of CIFAR-10's training part

/// Class names come with the data; where their file is missing, classes are numbers.
std::vector<std::string> class_names(const std::string& folder, int classes) {
  const std::string path = folder + (classes == 10 ? "/batches.meta.txt" : "/fine_label_names.txt");
  std::error_code ignored;
  std::vector<std::string> names;
  if (std::filesystem::exists(path, ignored)) {
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

}  // namespace

std::shared_ptr<const Dataset> open_cifar_dataset(const std::string& folder, int classes,
                                                  Split split) {
  const bool ten = classes == 10;
  std::vector<std::string> files;
  if (split == Split::kTest) {
    files.emplace_back(ten ? "test_batch.bin" : "test.bin");
  } else if (ten) {
    files.reserve(kBatches);
    for (int i = 1; i <= kBatches; ++i) files.push_back(fmt::format("data_batch_{}.bin", i));
  } else {
    files.emplace_back("train.bin");
  }
  std::vector<uint8_t> pixels;
  std::vector<int32_t> labels;
  for (const std::string& file : files) {
    const MappedFile mapped(fmt::format("{}/{}", folder, file));
    const CifarImages part = parse_cifar(mapped.bytes(), ten ? 1 : 2, classes, mapped.path());
    pixels.insert(pixels.end(), part.pixels.begin(), part.pixels.end());
    labels.insert(labels.end(), part.labels.begin(), part.labels.end());
  }
  return std::make_shared<const Dataset>(std::move(pixels), kCifarSide, kCifarSide, 3,
                                         std::move(labels), class_names(folder, classes));
}

}  // namespace vitrine
