#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/image.hpp"
#include "ops/image_view.hpp"

namespace vitrine {

enum class Split { kTrain, kTest };

/// Pictures with a class each. Small pictures of one size (IDX) are held in memory; files of a
/// folder are decoded when asked for. Constant once opened: any thread may read.
class Dataset {
 public:
  /// Pictures in memory.
  ///   pixels   (n, height, width, channels)
  ///   labels   (n), each in [0, class_names.size())
  Dataset(std::vector<uint8_t> pixels, int64_t height, int64_t width, int channels,
          std::vector<int32_t> labels, std::vector<std::string> class_names);
  /// Pictures in files, one path per label.
  Dataset(std::vector<std::string> files, std::vector<int32_t> labels,
          std::vector<std::string> class_names);

  int64_t size() const { return static_cast<int64_t>(labels_.size()); }
  const std::vector<int32_t>& labels() const { return labels_; }
  const std::vector<std::string>& class_names() const { return class_names_; }
  int64_t classes() const { return static_cast<int64_t>(class_names_.size()); }

  bool in_memory() const { return files_.empty(); }
  /// Of every picture in memory; 0 for files, whose sizes differ.
  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  int channels() const { return channels_; }
  /// (n, height, width, channels); empty for files.
  const std::vector<uint8_t>& pixels() const { return pixels_; }
  /// One path per picture; empty for pictures in memory.
  const std::vector<std::string>& files() const { return files_; }

  /// Picture i. `channels` is how a file is decoded (1 or 3); a picture in memory comes as it is.
  /// `storage` keeps the pixels of a decoded file and must outlive the view. Throws IoError or
  /// FormatError with the name of a file that cannot be read.
  ImageView picture(int64_t i, int channels, Image& storage) const;

 private:
  std::vector<uint8_t> pixels_;
  int64_t height_ = 0, width_ = 0;
  int channels_ = 0;
  std::vector<std::string> files_;
  std::vector<int32_t> labels_;
  std::vector<std::string> class_names_;
};

/// What open_dataset takes, for people.
inline constexpr const char* kDatasetNames =
    "fashion-mnist, idx:DIR, cifar10:DIR, cifar100:DIR, folder:DIR or csv:FILE";

/// Part of the pictures of a folder without a test part that becomes one.
inline constexpr double kTestFraction = 0.1;

/// Opens the training or the test part of
///   fashion-mnist   Debian's package dataset-fashion-mnist
///   idx:DIR         train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., each plain or with
///                   .gz, and optionally labels.txt, a class name a line
///   cifar10:DIR     data_batch_1.bin ... data_batch_5.bin, test_batch.bin, batches.meta.txt
///   cifar100:DIR    train.bin, test.bin, fine_label_names.txt; both are CIFAR's binary version
///   csv:FILE        a line per picture, FILE,LABEL, either in double quotes where it holds a
///                   comma; files are relative to the list; a test part is split off as below.
///                   Or a folder with train.csv and test.csv (or val.csv). Classes are the labels
///                   of training, sorted, as numbers if all are whole numbers
///   folder:DIR      DIR/train/<class>/*.jpg|jpeg|png and DIR/test/<class>/... (or DIR/val/...), or
///                   DIR/<class>/...; without a test part, kTestFraction of every class is split
///                   off. Which pictures depends on the folder alone, never on a run's seed, so
///                   nothing that was trained on is ever tested on
/// Classes and files are sorted by name. Throws UsageError for another kind, IoError for what is
/// missing, FormatError for what is malformed.
std::shared_ptr<const Dataset> open_dataset(std::string_view name, Split split);

/// Two lists of picture numbers, both ascending.
struct ValidationSplit {
  std::vector<int64_t> train;
  std::vector<int64_t> validation;
};

/// Sets round(fraction n) pictures aside, evenly over the classes; a function of the labels and the
/// seed alone. fraction in [0, 1), else UsageError.
ValidationSplit split_validation(const Dataset& dataset, double fraction, uint64_t seed);

/// Mean and standard deviation of each channel over all pixels, as values from 0 to 1. Pictures in
/// memory only, else UsageError.
struct PixelStatistics {
  std::vector<double> mean;    ///< (channels)
  std::vector<double> stddev;  ///< (channels)
};
PixelStatistics pixel_statistics(const Dataset& dataset);

}  // namespace vitrine
