#include "core/parallel.hpp"

#include <omp.h>
#include <sched.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/dry_run.hpp"

namespace vitrine {
namespace {

std::atomic<int> g_threads{0};
std::atomic<Executor> g_executor{nullptr};
// Which worker this thread is while it runs a task; -1 outside.
thread_local int t_worker = -1;
std::atomic<bool> g_pinned{false};
// Which worker's processor this thread is bound to; -1 if to none.
thread_local int t_bound = -1;

/// Whole processors that the cgroup's quota grants (version 2, then 1); 0 if there is no quota.
int cgroup_quota() {
  std::string quota;
  double period = 0;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file >> quota >> period) {
    if (quota == "max" || period <= 0) return 0;
    return static_cast<int>(std::ceil(std::atof(quota.c_str()) / period));
  }
  double microseconds = 0;
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota_file >> microseconds && period_file >> period && microseconds > 0 && period > 0) {
    return static_cast<int>(std::ceil(microseconds / period));
  }
  return 0;
}

/// The processors that the process was given; none if the system does not say.
const std::vector<int>& processors() {
  static const std::vector<int> all = [] {
    std::vector<int> found;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return found;
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &set)) found.push_back(i);
    }
    return found;
  }();
  return all;
}

/// Binds this thread to processors()[begin, end).
void bind(size_t begin, size_t end) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t i = begin; i < end; ++i) CPU_SET(processors()[i], &set);
  sched_setaffinity(0, sizeof set, &set);
}

/// Binds this thread to its processor, or to all again, if that is not so yet.
void bind_worker(int worker) {
  const int wanted = g_pinned.load(std::memory_order_relaxed) ? worker : -1;
  if (t_bound == wanted || processors().empty()) return;
  t_bound = wanted;
  const size_t i = static_cast<size_t>(std::max(wanted, 0)) % processors().size();
  bind(wanted < 0 ? 0 : i, wanted < 0 ? processors().size() : i + 1);
}

/// Moves this thread off the processor `crowded`; where it may run stays as it is.
void leave_processor(int crowded) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(crowded, &others);
  // Nowhere else to go is an error here, and the thread stays.
  if (sched_setaffinity(0, sizeof others, &others) != 0) return;
  sched_setaffinity(0, sizeof allowed, &allowed);
}

int count_processors() {
  int n = static_cast<int>(std::thread::hardware_concurrency());
  if (!processors().empty()) n = static_cast<int>(processors().size());
  if (const int quota = cgroup_quota(); quota > 0) n = std::min(n, quota);
  return std::max(n, 1);
}

int threads_from_environment() {
  const char* text = std::getenv("VITRINE_THREADS");
  return text == nullptr ? 0 : std::clamp(std::atoi(text), 0, 1024);
}

/// Keeps the exception of the lowest task, so that which one is reported does not depend on timing.
struct FirstException {
  std::mutex mutex;
  std::exception_ptr pointer;
  int64_t index = 0;

  void keep(int64_t i) {
    const std::lock_guard lock(mutex);
    if (pointer == nullptr || i < index) {
      pointer = std::current_exception();
      index = i;
    }
  }
};

/// The tasks that one thread takes first, and what is left of them. On a cache line of its own.
struct alignas(64) Share {
  std::atomic<int64_t> next{0};
  int64_t end = 0;
};

/// [0, count) in even parts, one for each of `threads`.
std::vector<Share> shares_of(int64_t count, int threads) {
  std::vector<Share> shares(static_cast<size_t>(threads));
  for (int w = 0; w < threads; ++w) {
    Share& share = shares[static_cast<size_t>(w)];
    share.next.store(count * w / threads, std::memory_order_relaxed);
    share.end = count * (w + 1) / threads;
  }
  return shares;
}

/// Runs f(i) for what is left: of this worker's own share, then of the others'. Item i so is the
/// same thread's in every region of as many items, and meets what that thread left in its cache.
template <class F>
void run_shares(std::vector<Share>& shares, size_t worker, const F& f) {
  for (size_t step = 0; step < shares.size(); ++step) {
    Share& share = shares[(worker + step) % shares.size()];
    for (;;) {
      if (step > 0 && share.next.load(std::memory_order_relaxed) >= share.end) break;
      const int64_t i = share.next.fetch_add(1, std::memory_order_relaxed);
      if (i >= share.end) break;
      f(i);
    }
  }
}

struct Guarded {
  Task task;
  const void* context;
  FirstException* first;
};

void run_guarded(const void* opaque, int64_t i, int worker) {
  const auto& g = *static_cast<const Guarded*>(opaque);
  const int outer = std::exchange(t_worker, worker);
  try {
    g.task(g.context, i, worker);
  } catch (...) {
    g.first->keep(i);
  }
  t_worker = outer;
}

}  // namespace

int default_threads() {
  static const int environment = threads_from_environment();
  static const int processors = count_processors();
  return environment > 0 ? environment : processors;
}

int threads() {
  const int n = g_threads.load(std::memory_order_relaxed);
  return n > 0 ? n : default_threads();
}

void set_threads(int n) { g_threads = std::max(n, 0); }

void set_pinned(bool pinned) {
  processors();  // as they are before any thread is bound
  g_pinned = pinned;
}

void set_executor(Executor executor) { g_executor = executor; }

SerialScope::SerialScope() : before_(t_worker) {
  t_worker = std::max(t_worker, 0);
  // A thread starts where the one that made it was bound.
  if (g_pinned.load(std::memory_order_relaxed)) bind(0, processors().size());
}
SerialScope::~SerialScope() { t_worker = before_; }

namespace detail {

void run_tasks(int64_t count, Task task, const void* context) {
  if (DryRun::current() != nullptr) return;
  const int n = static_cast<int>(std::min<int64_t>(threads(), count));
  if (n <= 1 || t_worker >= 0) {  // one thread, or already inside parallel work
    if (t_worker < 0) bind_worker(0);
    for (int64_t i = 0; i < count; ++i) task(context, i, std::max(t_worker, 0));
    return;
  }
  FirstException first;
  const Guarded guarded{task, context, &first};
  if (const Executor executor = g_executor.load(); executor != nullptr) {
    executor(count, run_guarded, &guarded);
  } else {
    // Left to itself the system may keep two threads, which spin while they wait, on one processor
    // for seconds: new ones beside their maker, and any while another program runs.
    const int crowded = n <= std::ssize(processors()) ? sched_getcpu() : -1;
    std::vector<Share> shares = shares_of(count, n);
#pragma omp parallel num_threads(n)
    {
      const int worker = omp_get_thread_num();
      bind_worker(worker);  // those too that come too late for a task
      if (worker > 0 && sched_getcpu() == crowded) leave_processor(crowded);
      run_shares(shares, static_cast<size_t>(worker),
                 [&](int64_t i) { run_guarded(&guarded, i, worker); });
    }
  }
  if (first.pointer != nullptr) std::rethrow_exception(first.pointer);
}

}  // namespace detail
}  // namespace vitrine
