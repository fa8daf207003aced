#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vitrine {

/// A stretch of one parameter's numbers, which one rank updates.
struct Slice {
  size_t parameter;
  int64_t begin, end;  ///< in floats
  int owner;           ///< the rank
  size_t bucket;       ///< with which others its gradient travels

  int64_t floats() const { return end - begin; }
};

/// Numbers in a bucket, for so many ranks.
int64_t bucket_floats(int64_t ranks);

/// Cuts parameters with so many numbers each among ranks, each of which gets as many as the others
/// within a chunk (grad_squares, so that a norm adds up the same chunks whoever owns them). Buckets
/// hold some MiB and are filled from the last parameter to the first: about the order in which
/// backward finishes them. In order of buckets, of owners in a bucket.
std::vector<Slice> slices_of(std::span<const int64_t> sizes, int ranks);

}  // namespace vitrine
