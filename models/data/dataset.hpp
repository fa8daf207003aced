#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/data/picture_source.hpp"

namespace vitrine {

/// A part of a data set.
enum class Split {
  kTrain,
  kValidation,  ///< chooses the best weights
  kTest,
  kAll,
};

/// What is known of a data set beside its pictures.
struct DatasetFacts {
  /// Somebody gave the classes their names; else class_names are the numbers of the classes.
  bool names_known = true;
  /// The data number their classes themselves; else their names put them in order.
  bool numbered = false;
  /// What people should know: what was passed over, what was taken for what. A line each.
  std::vector<std::string> notes = {};
};

/// Pictures with a class each: what everybody sees of a data set, of whatever kind it is.
class Dataset : public PictureSource {
 public:
  int64_t size() const final { return static_cast<int64_t>(labels_.size()); }
  /// (size()), each in [0, classes()).
  const std::vector<int32_t>& labels() const { return labels_; }
  const std::vector<std::string>& class_names() const { return class_names_; }
  int64_t classes() const { return static_cast<int64_t>(class_names_.size()); }
  /// Pictures of each class.
  std::vector<int64_t> class_sizes() const;
  const DatasetFacts& facts() const { return facts_; }
  const std::vector<std::string>& notes() const { return facts_.notes; }

  /// The file that picture i is; "" for one that is no file of its own and is held in memory. The
  /// pictures of a data set are all files or all in memory, then of one size.
  virtual std::string file(int64_t /*i*/) const { return ""; }
  bool in_memory() const { return file(0).empty(); }

  /// Throws UsageError if there is no picture i.
  void check_number(int64_t i) const;

 protected:
  /// Throws UsageError unless there are 1 to 2^32 - 1 pictures, with labels in [0,
  /// class_names.size()).
  Dataset(std::vector<int32_t> labels, std::vector<std::string> class_names, DatasetFacts facts);

 private:
  std::vector<int32_t> labels_;
  std::vector<std::string> class_names_;
  DatasetFacts facts_;
};

/// What open_dataset takes, for people.
inline constexpr const char* kDatasetNames =
    "fashion-mnist, idx:DIR, cifar10:DIR, cifar100:DIR, folder:DIR or csv:FILE";

/// Part of the pictures of a folder without a test part that becomes one.
inline constexpr double kTestFraction = 0.1;

/// The parts that a data set has of its own, by their names there ("val", "test.csv"); "" for one
/// that it does not have. One that has none at all is a whole, of which parts are split off.
struct DatasetParts {
  std::string train, validation, test;
};
/// Throws as open_dataset.
DatasetParts dataset_parts(std::string_view name);

/// Opens a part of
///   fashion-mnist   Debian's package dataset-fashion-mnist
///   idx:DIR         train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., each plain or with
///                   .gz, and optionally labels.txt, a class name a line
///   cifar10:DIR     data_batch_1.bin ... data_batch_5.bin, test_batch.bin, batches.meta.txt
///   cifar100:DIR    train.bin, test.bin, fine_label_names.txt; both are CIFAR's binary version
///   csv:FILE        a list of pictures, or a folder with one for each part
///                   (models/data/csv_dataset.hpp)
///   folder:DIR      DIR/<class>/..., or DIR/<part>/<class>/... (models/data/folder_dataset.hpp)
/// A path that begins with ~/ is in the user's home. Parts of folders and lists have the names of
/// models/data/part_names.hpp. Without a part for testing, kTest is the validation part; without
/// both, kTestFraction of every class is split off. Which pictures depends on the data alone, never
/// on a run's seed, so nothing that was trained on is ever tested on. kValidation is null where
/// there is no such part: a run splits it off what it trains on. kAll is every picture. Classes are
/// in one order, that of models/data/class_order.hpp, except where the data number them themselves
/// (IDX, CIFAR, Fashion-MNIST). Those of the other parts must be among those of the training part.
/// Throws UsageError for another kind, IoError for what is missing, FormatError for what is
/// malformed.
std::shared_ptr<const Dataset> open_dataset(std::string_view name, Split split);

/// Two lists of picture numbers, both ascending.
struct ValidationSplit {
  std::vector<int64_t> train;
  std::vector<int64_t> validation;
};

/// Sets round(fraction n) pictures aside, evenly over the classes; a function of the labels and the
/// seed alone. `every_class`: at least one of every class of two or more pictures; none at all
/// where that would be more than twice the fraction (split_every_class). Without it classes may go
/// short: runs of before that rule keep their split. fraction in [0, 1), else UsageError.
ValidationSplit split_validation(const Dataset& dataset, double fraction, uint64_t seed,
                                 bool every_class = true);

/// Mean and standard deviation of each channel over all pixels, as values from 0 to 1. Pictures in
/// memory only, else UsageError.
struct PixelStatistics {
  std::vector<double> mean;    ///< (channels)
  std::vector<double> stddev;  ///< (channels)
};
PixelStatistics pixel_statistics(const Dataset& dataset);

}  // namespace vitrine
