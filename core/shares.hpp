#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace vitrine {

/// The tasks [0, count) of a region of parallel work, in even parts, one for each thread. A thread
/// takes those of its own part first, then what is left of the others': task i so is the same
/// thread's in every region of as many tasks, and meets what that thread left in its cache.
///
/// 1. start() is for the one thread that owns the region; take() for any thread at any time.
/// 2. A region has a number. take() gives tasks of the region with the number that it is asked for
///    alone: whoever comes late, when the memory serves the next region already, gets none. The
///    owner therefore need not wait for threads that have no task.
class Shares {
 public:
  // The word of a part has the region's number above the next task. 2^40 regions of a microsecond
  // last 12 days; a thread would have to sleep for just as long to confuse two.
  static constexpr int kTaskBits = 24;
  static constexpr int64_t kMaxTasks = (int64_t{1} << kTaskBits) - 1;
  static constexpr int kMaxParts = 64;

  void start(uint64_t number, int64_t count, int threads) {
    const int parts = threads < kMaxParts ? threads : kMaxParts;
    for (int p = 0; p < parts; ++p) {
      Part& part = parts_[static_cast<size_t>(p)];
      // No task, while the end is that of another region than the number.
      part.word.store(word_of(number, kMaxTasks), std::memory_order_relaxed);
      part.end.store(count * (p + 1) / parts, std::memory_order_release);
      part.word.store(word_of(number, count * p / parts), std::memory_order_release);
    }
    parts_used_.store(parts, std::memory_order_release);
  }

  /// Runs f(i) for tasks of region `number`, `worker`'s own first, until none is left.
  template <class F>
  void run(uint64_t number, int worker, const F& f) {
    const int parts = parts_used_.load(std::memory_order_acquire);
    for (int step = 0; step < parts; ++step) {
      Part& part = parts_[static_cast<size_t>((worker + step) % parts)];
      for (int64_t i = take(part, number); i >= 0; i = take(part, number)) f(i);
    }
  }

 private:
  /// On a cache line of its own.
  struct alignas(64) Part {
    std::atomic<uint64_t> word{0};
    std::atomic<int64_t> end{0};
  };

  static uint64_t word_of(uint64_t number, int64_t task) {
    return (number << kTaskBits) | static_cast<uint64_t>(task);
  }

  /// The next task of the part; -1 if there is none, or not of this region.
  static int64_t take(Part& part, uint64_t number) {
    uint64_t word = part.word.load(std::memory_order_acquire);
    for (;;) {
      const auto task = static_cast<int64_t>(word & static_cast<uint64_t>(kMaxTasks));
      if (word >> kTaskBits != (number & (~uint64_t{0} >> kTaskBits))) return -1;
      if (task >= part.end.load(std::memory_order_acquire)) return -1;
      if (part.word.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel,
                                          std::memory_order_acquire)) {
        return task;
      }
    }
  }

  std::array<Part, kMaxParts> parts_;
  std::atomic<int> parts_used_{0};
};

}  // namespace vitrine
