#include "core/reused.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#include "core/in_parallel_work.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

constexpr size_t kSmallest = 64;  // bytes: a cache line, of one thread alone
// Larger blocks are rare (resizing huge pictures) and not worth keeping.
constexpr size_t kLargest = size_t{1} << 24;
constexpr size_t kClasses = 19;  // powers of two from the smallest to the largest
static_assert(kSmallest << (kClasses - 1) == kLargest);

/// A block that waits; the list goes through the blocks themselves.
struct Waiting {
  Waiting* next;
};

struct Lists {
  std::mutex mutex;
  std::array<Waiting*, kClasses> first{};
};

// Never destroyed: static objects may give back after main has ended.
Lists& lists() {
  static auto* all = new Lists;
  return *all;
}

/// Which power of two holds so many bytes.
size_t class_of(size_t bytes) {
  return static_cast<size_t>(std::bit_width((std::max(bytes, kSmallest) - 1) / kSmallest));
}

void* take_from_library(size_t bytes) {
  void* block = std::aligned_alloc(kSmallest, (bytes + kSmallest - 1) / kSmallest * kSmallest);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

namespace detail {

void* take_reused(size_t bytes) {
  if (bytes > kLargest) return take_from_library(bytes);
  const size_t index = class_of(bytes);
  Lists& all = lists();
  {
    const std::lock_guard lock(all.mutex);
    if (Waiting* block = all.first[index]; block != nullptr) {
      all.first[index] = block->next;
      return block;
    }
  }
  // Which tasks run side by side is chance: the other threads get theirs now and not some day.
  const int others = in_parallel_work() ? threads() - 1 : 0;
  for (int i = 0; i < others; ++i) {
    give_back_reused(take_from_library(kSmallest << index), kSmallest << index);
  }
  return take_from_library(kSmallest << index);
}

void give_back_reused(void* block, size_t bytes) noexcept {
  if (bytes > kLargest) return std::free(block);
  Lists& all = lists();
  const std::lock_guard lock(all.mutex);
  Waiting*& first = all.first[class_of(bytes)];
  first = new (block) Waiting{first};
}

}  // namespace detail

void trim_reused() {
  Lists& all = lists();
  const std::lock_guard lock(all.mutex);
  for (Waiting*& first : all.first) {
    while (first != nullptr) std::free(std::exchange(first, first->next));
  }
}

}  // namespace vitrine
