// A pool of threads that pull tasks. The thread that starts a region works on it too, and leaves as
// soon as the last task is done:
//
//   caller   region := tasks; open; wake who sleeps; pull tasks; close; wait until none is left
//   worker   look for an open region; pull its tasks; spin for a while; sleep
//
// Between regions workers spin for some tens of microseconds: the operations of a network follow
// each other faster than the system wakes a thread. Then they sleep, and cost nobody anything.

#include "core/thread_pool.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "core/processors.hpp"
#include "core/shares.hpp"

namespace vitrine {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr auto kSpin = microseconds(60);
constexpr auto kAskAgain = std::chrono::seconds(1);
// Callers at once that get help; the others work alone.
constexpr int kMaxRegions = 16;

/// Waits a moment where somebody else is about to write.
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins until done() or for kSpin; returns whether it is done.
template <class F>
bool spin_until(const F& done) {
  constexpr int kLooksPerClock = 64;
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < kLooksPerClock; ++i) {
      if (done()) return true;
      relax();
    }
  } while (Clock::now() < end);
  return done();
}

/// One call of run_on_pool. Never freed: a worker that comes late finds a number that is not its
/// own (Shares), not memory of somebody else.
struct alignas(64) Region {
  std::atomic<bool> taken{false};
  uint64_t number = 0;            // of the last region here; the owner's
  std::atomic<uint64_t> open{0};  // the number while workers may join, else 0
  std::atomic<Task> task{nullptr};
  std::atomic<const void*> context{nullptr};
  std::atomic<int> threads{0};
  std::atomic<int> processor{-1};  // where the caller runs, if workers should leave it
  alignas(64) std::atomic<int32_t> left{0};
  Shares shares;

  void work(uint64_t region, int worker) {
    shares.run(region, worker, [&](int64_t i) {
      const Task run = task.load(std::memory_order_relaxed);
      run(context.load(std::memory_order_relaxed), i, worker);
      if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) left.notify_all();
    });
  }
};

struct alignas(64) Worker {
  std::atomic<uint32_t> asleep{0};
  std::thread thread;
};

struct Pool {
  std::array<Region, kMaxRegions> regions;
  std::array<Worker, kMaxThreads> workers;  // worker i is workers[i]; 0 is the caller
  std::atomic<uint32_t> opened{0};          // regions so far
  std::atomic<bool> stopping{false};
  std::mutex mutex;          // for what follows
  std::atomic<int> size{0};  // workers 1 to size are there
  Clock::time_point refused_at = Clock::time_point::min();
};

void work_in_pool(Pool& pool, int index) {
  Worker& me = pool.workers[static_cast<size_t>(index)];
  while (!pool.stopping.load(std::memory_order_acquire)) {
    const uint32_t seen = pool.opened.load(std::memory_order_seq_cst);
    for (Region& region : pool.regions) {
      const uint64_t number = region.open.load(std::memory_order_acquire);
      if (number == 0 || index >= region.threads.load(std::memory_order_relaxed)) continue;
      const int crowded = region.processor.load(std::memory_order_relaxed);
      bind_worker(index);
      if (crowded >= 0 && current_processor() == crowded) leave_processor(crowded);
      region.work(number, index);
    }
    const auto changed = [&] { return pool.opened.load(std::memory_order_seq_cst) != seen; };
    if (spin_until(changed)) continue;
    me.asleep.store(1, std::memory_order_seq_cst);
    if (!changed() && !pool.stopping.load()) me.asleep.wait(1);
    me.asleep.store(0, std::memory_order_relaxed);
  }
}

void wake(Worker& worker) {
  if (worker.asleep.load(std::memory_order_seq_cst) == 0) return;
  worker.asleep.store(0, std::memory_order_seq_cst);
  worker.asleep.notify_one();
}

/// All of the host's signals are for its own threads, but those that a thread raises by what it
/// does: blocked, they would end the process past the host's handler.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    for (const int own : {SIGBUS, SIGSEGV, SIGFPE, SIGILL}) sigdelset(&all, own);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_{};
};

alignas(Pool) std::array<std::byte, sizeof(Pool)> g_memory;

/// Made at first use and never ended: workers may outlive the program's static objects.
Pool& the_pool() {
  static Pool* pool = [] {
    auto* made = new (g_memory.data()) Pool;
    // A child has none of its parent's threads. What they held is gone with them.
    pthread_atfork(nullptr, nullptr, [] { new (g_memory.data()) Pool; });
    return made;
  }();
  return *pool;
}

/// Starts workers until there are `wanted`, or the system refuses.
void grow(Pool& pool, int wanted) {
  const std::lock_guard lock(pool.mutex);
  const auto now = Clock::now();
  if (pool.refused_at != Clock::time_point::min() && now < pool.refused_at + kAskAgain) return;
  const BlockedSignals blocked;
  for (int i = pool.size.load() + 1; i <= wanted; ++i) {
    try {
      pool.workers[static_cast<size_t>(i)].thread =
          std::thread([&pool, i] { work_in_pool(pool, i); });
    } catch (const std::system_error&) {
      pool.refused_at = now;
      return;
    }
    pool.size.store(i, std::memory_order_release);
  }
}

/// Whether others keep this thread waiting. On a busy machine a worker may lose its processor in
/// the middle of a task: then the caller waits for the system to give it back, which takes as long
/// as hundreds of regions. Working alone is faster than that; after a pause help is tried again.
class Patience {
 public:
  bool alone() const { return pause_.count() != 0 && Clock::now() < until_; }

  /// A region whose caller ran `own` tasks in `worked`, and then waited.
  void learn(int64_t own, Clock::duration worked, Clock::duration waited) {
    // On an idle machine the last task of another ends within about the time of one's own.
    const bool stalled = own > 0 && waited > milliseconds(1) && waited > 3 * (worked / own);
    const auto now = Clock::now();
    if (stalled) {
      pause_ = std::clamp<Clock::duration>(2 * pause_, milliseconds(16), milliseconds(512));
      until_ = now + pause_;
    } else if (pause_.count() != 0 && now > until_ + pause_) {
      pause_ = Clock::duration::zero();
    }
  }

 private:
  Clock::duration pause_{};
  Clock::time_point until_{};
};

thread_local Patience t_patience;

Region* free_region(Pool& pool) {
  for (Region& region : pool.regions) {
    if (!region.taken.load(std::memory_order_relaxed) &&
        !region.taken.exchange(true, std::memory_order_acquire)) {
      return &region;
    }
  }
  return nullptr;
}

void run_alone(int64_t count, Task task, const void* context) {
  for (int64_t i = 0; i < count; ++i) task(context, i, 0);
}

/// Tasks [first, first + count) in `region`, with help.
void run_region(Pool& pool, Region& region, int64_t first, int64_t count, int threads, Task task,
                const void* context) {
  struct Shifted {
    Task task;
    const void* context;
    int64_t first;
    int64_t own;  // tasks that the caller ran; worker 0 is nobody else
  } shifted{task, context, first, 0};
  const Task run = [](const void* opaque, int64_t i, int worker) {
    auto& s = *static_cast<Shifted*>(const_cast<void*>(opaque));
    s.task(s.context, s.first + i, worker);
    if (worker == 0) ++s.own;
  };
  const auto begin = Clock::now();
  const uint64_t number = ++region.number;
  region.task.store(run, std::memory_order_relaxed);
  region.context.store(&shifted, std::memory_order_relaxed);
  region.threads.store(threads, std::memory_order_relaxed);
  const bool room = threads <= std::ssize(processors());
  region.processor.store(room ? current_processor() : -1, std::memory_order_relaxed);
  region.left.store(static_cast<int32_t>(count), std::memory_order_relaxed);
  region.shares.start(number, count, threads);
  region.open.store(number, std::memory_order_seq_cst);
  pool.opened.fetch_add(1, std::memory_order_seq_cst);
  const int helpers = std::min(threads - 1, pool.size.load(std::memory_order_acquire));
  for (int i = 1; i <= helpers; ++i) wake(pool.workers[static_cast<size_t>(i)]);

  region.work(number, 0);
  region.open.store(0, std::memory_order_release);
  const auto done = [&] { return region.left.load(std::memory_order_acquire) == 0; };
  if (done()) return;
  const auto worked = Clock::now();
  if (!spin_until(done)) {
    for (int32_t left = region.left.load(); left != 0; left = region.left.load()) {
      region.left.wait(left);
    }
  }
  t_patience.learn(shifted.own, worked - begin, Clock::now() - worked);
}

}  // namespace

void run_on_pool(int64_t count, int threads, Task task, const void* context) {
  Pool& pool = the_pool();
  const int wanted = std::min(threads, kMaxThreads) - 1;
  if (pool.size.load(std::memory_order_acquire) < wanted) grow(pool, wanted);
  bind_worker(0);
  Region* region = t_patience.alone() ? nullptr : free_region(pool);
  if (region == nullptr) return run_alone(count, task, context);
  for (int64_t first = 0; first < count; first += Shares::kMaxTasks) {
    run_region(pool, *region, first, std::min(count - first, Shares::kMaxTasks), wanted + 1, task,
               context);
  }
  region->taken.store(false, std::memory_order_release);
}

void stop_pool() {
  Pool& pool = the_pool();
  const std::lock_guard lock(pool.mutex);
  pool.stopping.store(true, std::memory_order_seq_cst);
  pool.opened.fetch_add(1, std::memory_order_seq_cst);
  for (int i = 1; i <= pool.size.load(); ++i) {
    Worker& worker = pool.workers[static_cast<size_t>(i)];
    wake(worker);
    worker.thread.join();
  }
  pool.size.store(0);
  pool.stopping.store(false);
  pool.refused_at = Clock::time_point::min();
}

void forget_waiting() { t_patience = {}; }

int pool_size() { return the_pool().size.load(std::memory_order_acquire); }

}  // namespace vitrine
