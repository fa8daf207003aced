#include "models/training/slices.hpp"

#include <algorithm>
#include <numeric>

#include "ops/optimizers/clip_grad_norm.hpp"

namespace vitrine {
namespace {

// Large enough that a message's latency is little beside its bytes, small enough that the link soon
// has something to carry and little is left when backward ends; and a chunk for every rank. Over
// 1 Gbit/s, updates of ViT-Ti/16 by two ranks with 4 images each took 300 and 289 ms so, 316 and
// 346 with four times as much.
constexpr int64_t kBucketFloats = int64_t{1} << 18;

struct Chunk {
  size_t parameter;
  int64_t begin, end;
};

/// Gives the chunks of one bucket to owners, in order: each as many as bring what it owns to an
/// equal share of all so far. A bucket holds few chunks, and what one rank got too much of it would
/// add up.
void cut_bucket(std::span<const Chunk> chunks, int64_t floats, std::vector<int64_t>& owned,
                size_t bucket, std::vector<Slice>& slices) {
  const auto ranks = std::ssize(owned);
  const int64_t all = std::accumulate(owned.begin(), owned.end(), floats);
  std::vector<int64_t> ends;  // of each rank's part of this bucket
  int64_t had = 0;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    had += owned[static_cast<size_t>(rank)];
    ends.push_back((rank + 1) * all / ranks - had);
  }
  int64_t before = 0;
  int owner = 0;
  for (const Chunk& c : chunks) {
    const int64_t middle = before + (c.end - c.begin) / 2;
    before += c.end - c.begin;
    while (owner + 1 < ranks && middle >= ends[static_cast<size_t>(owner)]) ++owner;
    owned[static_cast<size_t>(owner)] += c.end - c.begin;
    Slice* last = slices.empty() ? nullptr : &slices.back();
    if (last != nullptr && last->bucket == bucket && last->owner == owner &&
        last->parameter == c.parameter && last->end == c.begin) {
      last->end = c.end;
    } else {
      slices.push_back({c.parameter, c.begin, c.end, owner, bucket});
    }
  }
}

}  // namespace

int64_t bucket_floats(int64_t ranks) { return std::max(kBucketFloats, ranks * kNormChunk); }

std::vector<Slice> slices_of(std::span<const int64_t> sizes, int ranks) {
  const int64_t full = bucket_floats(ranks);
  std::vector<Slice> slices;
  std::vector<Chunk> chunks;
  std::vector<int64_t> owned(static_cast<size_t>(ranks));
  int64_t floats = 0;
  size_t bucket = 0;
  const auto close = [&] {
    if (floats > 0) cut_bucket(chunks, floats, owned, bucket++, slices);
    chunks.clear();
    floats = 0;
  };
  for (size_t i = sizes.size(); i-- > 0;) {
    for (int64_t begin = 0; begin < sizes[i]; begin += kNormChunk) {
      const int64_t end = std::min(begin + kNormChunk, sizes[i]);
      chunks.push_back({i, begin, end});
      floats += end - begin;
      if (floats >= full) close();
    }
  }
  close();
  return slices;
}

}  // namespace vitrine
