#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/tensor.hpp"
#include "models/data/augment.hpp"
#include "models/data/batch_share.hpp"
#include "models/data/dataset.hpp"
#include "models/data/preprocess.hpp"

namespace vitrine {

struct LoaderOptions {
  /// Every picture once, in order and as it is: what answers are asked for.
  static LoaderOptions in_order(int64_t batch, int workers, Preprocess preprocess);

  int64_t batch = 128;    ///< pictures in a batch
  BatchShare share;       ///< the parts of batches that come; what is said of batches is of these
  bool shuffle = true;    ///< by (seed, epoch); else in the order given
  bool drop_last = true;  ///< no update with fewer pictures: for training
  uint64_t seed = 0;      ///< of the order and of the augmentation
  /// Threads that prepare batches ahead; 0: next() does it itself, and so it does where the system
  /// refuses a single one. Where it refuses some of several, the loader throws Error.
  int workers = 1;
  /// Repeated augmentation: each picture comes so many times in a row, each time another view, and
  /// an epoch, which is not longer for it, has only the first of the order. Hoffer et al. 2020,
  /// arXiv 1901.09335.
  int64_t repeats = 1;
  int64_t ahead = 3;  ///< batches that may wait ready, at least 1
  Preprocess preprocess;
  std::optional<Augment> augment;  ///< for training
};

/// Pictures of a batch, ready for the network.
struct Batch {
  Tensor images;                 ///< (B, H, W, C), normalised
  std::vector<int32_t> labels;   ///< (B)
  std::vector<int64_t> indices;  ///< (B), numbers in the data set
};

/// Where the time of an epoch went, in seconds.
struct LoaderTimes {
  double decoding = 0;   ///< CPU time of reading and decoding files; 0 for pictures in memory
  double preparing = 0;  ///< CPU time of what comes after: augmentation, normalisation
  double waiting = 0;    ///< that next() had no batch ready
};

/// Gives the pictures of a data set in batches, prepared ahead by other threads.
/// Invariants:
///   1. What comes out is a function of (data set, indices, options without workers and ahead,
///      epoch): not of the threads.
///   2. Batches come in order. start() begins at any batch of any epoch.
///   3. All buffers are taken by the constructor and used again, except where the caller still
///      holds a batch's tensor.
///   4. One thread calls start() and next().
class Loader {
 public:
  /// `indices` are the pictures that take part, in order. Throws UsageError for impossible options
  /// and for indices out of range.
  Loader(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> indices,
         const LoaderOptions& options);
  /// All pictures.
  Loader(const std::shared_ptr<const Dataset>& dataset, const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Batches of an epoch.
  int64_t batches() const;
  /// Pictures of an epoch: all, or what drop_last leaves.
  int64_t samples() const;

  /// Memory of the batches that an epoch fills.
  int64_t buffer_bytes() const;

  /// Since start().
  LoaderTimes times() const;

  /// Goes to batch `first_batch` <= batches() of `epoch`, whatever was going on. Throws ShapeError
  /// if the epoch has no such batch.
  void start(int64_t epoch, int64_t first_batch = 0);

  /// The next batch, valid until the next call; null at the end of the epoch, and before start().
  /// Throws what preparing it threw (a picture that cannot be read), again if called again.
  const Batch* next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The numbers 0 .. n - 1 in the order of an epoch; a function of (n, seed, epoch).
std::vector<int64_t> shuffled(int64_t n, uint64_t seed, int64_t epoch);

}  // namespace vitrine
