#include "core/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/dry_run.hpp"
#include "core/error.hpp"
#include "core/openmp_executor.hpp"
#include "core/processors.hpp"
#include "core/thread_pool.hpp"

namespace vitrine {
namespace {

std::atomic<int> g_threads{0};
std::atomic<Executor> g_executor{nullptr};
std::atomic<int> g_openmp{-1};  // -1: as VITRINE_EXECUTOR says
// Which worker this thread is while it runs a task; -1 outside.
thread_local int t_worker = -1;

/// What VITRINE_THREADS says, 0 if nothing. Throws UsageError unless it is a number of threads.
int threads_from_environment() {
  const char* text = std::getenv("VITRINE_THREADS");
  if (text == nullptr || *text == '\0') return 0;
  const std::string_view all = text;
  int n = 0;
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), n);
  if (error != std::errc() || end != all.data() + all.size() || n < 0 || n > kMaxThreads) {
    throw UsageError(fmt::format(
        "VITRINE_THREADS is '{}'; a whole number from 0 (all processors) to {} is expected",
        all.substr(0, 40), kMaxThreads));
  }
  return n;
}

/// What VITRINE_EXECUTOR says. Throws UsageError for what is not known.
bool openmp_from_environment() {
  const char* text = std::getenv("VITRINE_EXECUTOR");
  return text != nullptr && openmp_from_name(text);
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

void set_executor(Executor executor) { g_executor = executor; }

void set_openmp(bool on) {
  if (on && !has_openmp()) {
    throw UsageError("this build has no OpenMP; make it with OPENMP=1, or use executor 'pool'");
  }
  g_openmp = on ? 1 : 0;
}

bool openmp() {
  if (const int chosen = g_openmp.load(std::memory_order_relaxed); chosen >= 0) return chosen == 1;
  set_openmp(openmp_from_environment());
  return g_openmp.load(std::memory_order_relaxed) == 1;
}

bool openmp_from_name(std::string_view name) {
  if (name == "openmp") return true;
  if (name == "pool") return false;
  throw UsageError(fmt::format("executor '{}' is not known; there are pool and openmp", name));
}

bool in_parallel_work() { return t_worker >= 0; }

SerialScope::SerialScope() : before_(t_worker) {
  t_worker = std::max(t_worker, 0);
  // A thread starts where the one that made it was bound.
  if (pinned()) unbind();
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
  } else if (openmp()) {
    run_on_openmp(count, n, run_guarded, &guarded);
  } else {
    run_on_pool(count, n, run_guarded, &guarded);
  }
  if (first.pointer != nullptr) std::rethrow_exception(first.pointer);
}

}  // namespace detail
}  // namespace vitrine
