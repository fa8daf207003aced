#include "core/memory.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "core/ceil_div.hpp"
#include "core/dry_run.hpp"
#include "core/free_blocks.hpp"
#include "core/lasting_memory.hpp"
#include "core/reused.hpp"

namespace vitrine {
namespace {

constexpr int kStepsPerDoubling = 4;
constexpr int kClasses = 64 * kStepsPerDoubling;
// From here on blocks are aligned to, and asked for in, huge pages: GEMM panels then need few TLB
// entries, and one page is cleared faster than 512. Smaller ones would waste most of a page.
constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kHugeFrom = kHugePage;
// Of lasting memory, as address space: a page is resident once a piece that reaches into it is
// written.
constexpr int64_t kSlabBytes = 32 * kHugePage;

struct SizeClass {
  int index;
  int64_t bytes;
};

/// The smallest class that holds `bytes` (> 0): 2^e * (4 + s) / 4 for s = 1..4.
SizeClass size_class(int64_t bytes) {
  const int64_t wanted = std::max(bytes, Buffer::kAlignment);
  const int exponent = 63 - std::countl_zero(static_cast<uint64_t>(wanted - 1));  // 2^e < wanted
  const int64_t step = std::max<int64_t>((int64_t{1} << exponent) / kStepsPerDoubling, 1);
  const int64_t steps = ceil_div(wanted - (int64_t{1} << exponent), step);
  const int64_t size = (int64_t{1} << exponent) + steps * step;
  return {exponent * kStepsPerDoubling + static_cast<int>(steps) - 1,
          (size + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment};
}

/// A part of a slab: a piece of lasting memory, or room for some.
struct Range {
  std::byte* data;
  int64_t bytes;
  bool free;
};

struct Slab;

struct Pool {
  std::mutex mutex;
  std::array<std::vector<FreeBlock>, kClasses> free;
  std::array<int64_t, kClasses> blocks{};  // of each class, in use or free
  std::list<Slab> slabs;
  MemoryStats stats;
};

// Never destroyed: buffers held by static objects may be returned after main has ended.
Pool& pool() {
  static Pool* instance = new Pool;
  return *instance;
}

/// A block of `bytes`, of which the first `used` will be written soon.
std::byte* take_from_system(int64_t bytes, int64_t used) {
  const bool huge = bytes >= kHugeFrom;
  const auto alignment = static_cast<size_t>(huge ? kHugePage : Buffer::kAlignment);
  const size_t size = (static_cast<size_t>(bytes) + alignment - 1) / alignment * alignment;
  void* data = std::aligned_alloc(alignment, size);
  if (data == nullptr) throw std::bad_alloc();
  // Only whole pages: the last one would be resident beyond what is used.
  if (huge) madvise(data, static_cast<size_t>(used / kHugePage * kHugePage), MADV_HUGEPAGE);
  return static_cast<std::byte*>(data);
}

/// Huge pages that pieces of lasting memory are cut from.
struct Slab {
  std::byte* data;
  int64_t bytes;
  std::list<Range> ranges;  // all of it, in order; no two free ones side by side

  explicit Slab(int64_t bytes_) : data(take_from_system(bytes_, bytes_)), bytes(bytes_) {}
  ~Slab() { std::free(data); }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
};

struct Piece {
  std::list<Slab>::iterator slab;
  std::list<Range>::iterator range;
};

/// The smallest free range that holds `bytes`, which may have to be made: a piece has the place of
/// one like it that died.
Piece find_room(std::list<Slab>& slabs, int64_t bytes) {
  Piece best{slabs.end(), {}};
  for (auto slab = slabs.begin(); slab != slabs.end(); ++slab) {
    for (auto range = slab->ranges.begin(); range != slab->ranges.end(); ++range) {
      const bool fits = range->free && range->bytes >= bytes;
      if (fits && (best.slab == slabs.end() || range->bytes < best.range->bytes)) {
        best = {slab, range};
      }
    }
  }
  if (best.slab != slabs.end()) return best;
  std::list<Slab> made;
  made.emplace_back(std::max(kSlabBytes, ceil_div(bytes, kHugePage) * kHugePage));
  made.front().ranges.push_back({made.front().data, made.front().bytes, true});
  slabs.splice(slabs.begin(), made);
  return {slabs.begin(), slabs.begin()->ranges.begin()};
}

Piece take_piece(std::list<Slab>& slabs, int64_t bytes) {
  const Piece piece = find_room(slabs, bytes);
  if (piece.range->bytes > bytes) {
    piece.slab->ranges.insert(std::next(piece.range),
                              {piece.range->data + bytes, piece.range->bytes - bytes, true});
  }
  piece.range->bytes = bytes;
  piece.range->free = false;
  return piece;
}

/// The system gets back the slab, if that was its last piece, or else what is free around the piece
/// now as whole huge pages: one that lost a part of itself would be small pages from then on.
void give_back(std::list<Slab>& slabs, const Piece& piece) {
  auto& [slab, range] = piece;
  auto& ranges = slab->ranges;
  range->free = true;
  if (const auto next = std::next(range); next != ranges.end() && next->free) {
    range->bytes += next->bytes;
    ranges.erase(next);
  }
  if (range != ranges.begin() && std::prev(range)->free) {
    const auto before = std::prev(range);
    range->data = before->data;
    range->bytes += before->bytes;
    ranges.erase(before);
  }
  if (range->bytes == slab->bytes) {
    slabs.erase(slab);
    return;
  }
  const int64_t offset = range->data - slab->data;
  const int64_t begin = ceil_div(offset, kHugePage) * kHugePage;
  const int64_t end = (offset + range->bytes) / kHugePage * kHugePage;
  if (begin >= end) return;
  madvise(slab->data + begin, static_cast<size_t>(end - begin), MADV_DONTNEED);
}

}  // namespace

Buffer::Buffer(int64_t bytes) : bytes_(bytes), touched_(bytes) {
  if (bytes == 0) return;
  const SizeClass size = size_class(bytes);
  if (DryRun* dry = DryRun::current(); dry != nullptr) {
    data_ = dry->take(size.bytes, bytes);
    return;
  }
  Pool& p = pool();
  auto& free = p.free[static_cast<size_t>(size.index)];
  int64_t& blocks = p.blocks[static_cast<size_t>(size.index)];
  {
    const std::lock_guard lock(p.mutex);
    if (free.empty()) reserve_places(free, blocks + 1);
    p.stats.live_bytes += size.bytes;
    p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.live_bytes);
    if (!free.empty()) {
      const FreeBlock block = take_free_block(free, bytes);
      data_ = block.data;
      touched_ = std::max(block.touched, bytes);
      p.stats.pooled_bytes -= size.bytes;
      return;
    }
    ++blocks;
    ++p.stats.new_blocks;
  }
  try {
    data_ = take_from_system(size.bytes, bytes);
  } catch (...) {
    const std::lock_guard lock(p.mutex);
    --blocks;
    p.stats.live_bytes -= size.bytes;
    throw;
  }
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  if (DryRun* dry = DryRun::current(); dry != nullptr && dry->give_back(data_)) return;
  const SizeClass size = size_class(bytes_);
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.free[static_cast<size_t>(size.index)].push_back({data_, touched_});
  p.stats.live_bytes -= size.bytes;
  p.stats.pooled_bytes += size.bytes;
}

std::shared_ptr<float> lasting_floats(int64_t count) {
  const int64_t floats = std::max<int64_t>(count, 1);
  const int64_t bytes = ceil_div(floats * static_cast<int64_t>(sizeof(float)), Buffer::kAlignment) *
                        Buffer::kAlignment;
  if (DryRun::current() != nullptr) {
    const auto buffer = std::make_shared<Buffer>(bytes);
    return {buffer, buffer->floats()};
  }
  Pool& p = pool();
  std::unique_lock lock(p.mutex);
  const Piece piece = take_piece(p.slabs, bytes);
  ++p.stats.new_blocks;
  p.stats.live_bytes += bytes;
  p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.live_bytes);
  lock.unlock();  // the deleter takes it, also if the next line throws
  return {reinterpret_cast<float*>(piece.range->data), [piece, bytes](float*) {
            Pool& owner = pool();
            const std::lock_guard guard(owner.mutex);
            give_back(owner.slabs, piece);
            owner.stats.live_bytes -= bytes;
          }};
}

MemoryStats memory_stats() {
  const std::lock_guard lock(pool().mutex);
  return pool().stats;
}

void reset_peak_memory() {
  const std::lock_guard lock(pool().mutex);
  pool().stats.peak_bytes = pool().stats.live_bytes;
}

void trim_heap() { malloc_trim(0); }

void trim_memory() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  for (size_t i = 0; i < p.free.size(); ++i) {
    for (const FreeBlock& block : p.free[i]) std::free(block.data);
    p.blocks[i] -= std::ssize(p.free[i]);
    p.free[i].clear();
  }
  p.stats.pooled_bytes = 0;
  trim_reused();
}

}  // namespace vitrine
