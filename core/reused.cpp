#include "core/reused.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

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
  std::array<int64_t, kClasses> made{};  // blocks that wait or are used
};

// How many blocks of a class a task holds at most; those that outlive their task do not count.
constexpr int kOfOneTask = 8;
thread_local std::array<int, kClasses> t_held{};  // by the task that this thread runs

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
  // Which tasks run side by side is chance. What this one holds, all may hold at once: they get it
  // now and not in some later call.
  int& held = t_held[index];
  const bool in_task = in_parallel_work();
  const int64_t wanted = in_task ? int64_t{std::min(held + 1, kOfOneTask)} * threads() : 0;
  Lists& all = lists();
  {
    const std::lock_guard lock(all.mutex);
    Waiting*& first = all.first[index];
    if (first != nullptr && all.made[index] >= wanted) {
      held += in_task ? 1 : 0;
      return std::exchange(first, first->next);
    }
  }
  for (;;) {
    void* block = take_from_library(kSmallest << index);
    const std::lock_guard lock(all.mutex);
    if (++all.made[index] >= wanted) {
      held += in_task ? 1 : 0;
      return block;
    }
    all.first[index] = new (block) Waiting{all.first[index]};
  }
}

void give_back_reused(void* block, size_t bytes) noexcept {
  if (bytes > kLargest) return std::free(block);
  const size_t index = class_of(bytes);
  t_held[index] = std::max(t_held[index] - 1, 0);
  Lists& all = lists();
  const std::lock_guard lock(all.mutex);
  all.first[index] = new (block) Waiting{all.first[index]};
}

}  // namespace detail

void trim_reused() {
  Lists& all = lists();
  const std::lock_guard lock(all.mutex);
  for (size_t i = 0; i < kClasses; ++i) {
    for (Waiting*& first = all.first[i]; first != nullptr; --all.made[i]) {
      std::free(std::exchange(first, first->next));
    }
  }
}

}  // namespace vitrine
