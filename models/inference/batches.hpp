#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>

#include "core/interrupt.hpp"
#include "core/reused.hpp"
#include "core/tensor.hpp"
#include "models/data/loader.hpp"
#include "models/data/picture_source.hpp"
#include "models/data/preprocess.hpp"

namespace vitrine {

// The one way from pictures to a network's answers: they are read and prepared in parallel, a batch
// at a time, and a batch goes through the network together. What a network says of a picture is the
// same bits in any batch.

/// Pictures in a batch where nobody says how many: enough for the matrix products, and a bound on
/// the memory of thousands.
inline constexpr int64_t kBatch = 16;

/// Some pictures of a source, ready for a network.
struct PreparedPictures {
  int64_t first = 0;  ///< number of the first one
  /// (n, H, W, C), normalised: those that could be read, in their order; undefined if none could.
  Tensor images;
  /// For each picture what reading it threw; null for those in `images`. Nothing else is allocated
  /// in steady state.
  ReusedVector<std::exception_ptr> failures;

  /// Throws the first failure, if there is one.
  void rethrow() const;
};

/// Reads and prepares pictures [first, first + count), on all threads.
PreparedPictures prepare_pictures(const PictureSource& pictures, const Preprocess& rule,
                                  int64_t first, int64_t count);

/// Calls answer(const PreparedPictures&) for all pictures, batch by batch. Throws Interrupted
/// between batches.
template <class F>
void for_each_batch(const PictureSource& pictures, const Preprocess& rule, const F& answer) {
  for (int64_t first = 0; first < pictures.size(); first += kBatch) {
    throw_if_interrupted();
    answer(prepare_pictures(pictures, rule, first, std::min(kBatch, pictures.size() - first)));
  }
}

/// Calls answer(const Batch&) for all of the loader's epoch 0, whose batches are prepared ahead.
/// Throws Interrupted between batches, and the failure of a picture.
template <class F>
void for_each_batch(Loader& loader, const F& answer) {
  loader.start(0);
  while (const Batch* batch = loader.next()) {
    throw_if_interrupted();
    answer(*batch);
  }
}

}  // namespace vitrine
