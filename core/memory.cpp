#include "core/memory.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "core/ceil_div.hpp"
#include "core/dry_run.hpp"
#include "core/free_blocks.hpp"
#include "core/lasting_memory.hpp"

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

struct Slab;

struct Pool {
  std::mutex mutex;
  std::array<std::vector<FreeBlock>, kClasses> free;
  std::weak_ptr<Slab> latest_slab;  // alive as long as one of its pieces
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

/// Huge pages that pieces of lasting memory are cut from, one behind the other.
struct Slab {
  std::byte* data;
  int64_t bytes;
  int64_t used = 0;

  explicit Slab(int64_t bytes_) : data(take_from_system(bytes_, bytes_)), bytes(bytes_) {}
  ~Slab() { std::free(data); }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
};

}  // namespace

Buffer::Buffer(int64_t bytes) : bytes_(bytes), touched_(bytes) {
  if (bytes == 0) return;
  const SizeClass size = size_class(bytes);
  if (DryRun* dry = DryRun::current(); dry != nullptr) {
    data_ = dry->take(size.bytes, bytes);
    return;
  }
  Pool& p = pool();
  {
    const std::lock_guard lock(p.mutex);
    auto& free = p.free[static_cast<size_t>(size.index)];
    p.stats.live_bytes += size.bytes;
    p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.live_bytes);
    if (!free.empty()) {
      const FreeBlock block = take_free_block(free, bytes);
      data_ = block.data;
      touched_ = std::max(block.touched, bytes);
      p.stats.pooled_bytes -= size.bytes;
      return;
    }
    ++p.stats.new_blocks;
  }
  try {
    data_ = take_from_system(size.bytes, bytes);
  } catch (...) {
    const std::lock_guard lock(p.mutex);
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
  const int64_t bytes = ceil_div(count * static_cast<int64_t>(sizeof(float)), Buffer::kAlignment) *
                        Buffer::kAlignment;
  if (DryRun::current() != nullptr) {
    const auto buffer = std::make_shared<Buffer>(bytes);
    return {buffer, buffer->floats()};
  }
  Pool& p = pool();
  std::unique_lock lock(p.mutex);
  std::shared_ptr<Slab> slab = p.latest_slab.lock();
  if (slab == nullptr || slab->bytes - slab->used < bytes) {
    slab = std::make_shared<Slab>(std::max(kSlabBytes, ceil_div(bytes, kHugePage) * kHugePage));
    p.latest_slab = slab;
  }
  auto* piece = reinterpret_cast<float*>(slab->data + slab->used);
  slab->used += bytes;
  ++p.stats.new_blocks;
  p.stats.live_bytes += bytes;
  p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.live_bytes);
  lock.unlock();  // the deleter takes it, also if the next line throws
  return {piece, [slab, bytes](float*) {
            const std::lock_guard guard(pool().mutex);
            pool().stats.live_bytes -= bytes;
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
  for (auto& free : p.free) {
    for (const FreeBlock& block : free) std::free(block.data);
    free.clear();
  }
  p.stats.pooled_bytes = 0;
}

}  // namespace vitrine
