#pragma once

#include <cstdint>

namespace vitrine {

/// Which pictures of each batch a loader gives, and in which order: of `together` batches in a row,
/// those of an update, the shards [begin, end), each of all these batches before the next shard. A
/// batch is cut into `shards` equal parts. The default is whole batches, one after the other.
struct BatchShare {
  int64_t shards = 1;
  int64_t begin = 0, end = 1;
  int64_t together = 1;

  /// Parts of an update.
  int64_t parts() const { return (end - begin) * together; }
  /// Pictures of a part of a batch of so many.
  int64_t size_of(int64_t batch) const { return batch / shards; }
  /// Place in the epoch of the first picture of part number `part` of the epoch.
  int64_t first_place(int64_t part, int64_t batch) const {
    const int64_t update = part / parts();
    const int64_t shard = begin + part % parts() / together;
    const int64_t whole = update * together + part % together;
    return whole * batch + shard * size_of(batch);
  }
};

}  // namespace vitrine
