#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/ceil_div.hpp"

namespace vitrine {

/// The most threads that anybody may ask for.
inline constexpr int kMaxThreads = 1024;

/// Number of threads that parallel work may use: set_threads, else VITRINE_THREADS, else the number
/// of processors that the affinity mask and the cgroup's quota allow.
int threads();
/// n >= 1; 0 restores the default.
void set_threads(int n);
/// The default of threads(), whatever set_threads was given.
int default_threads();

/// Whether workers keep to one processor each, worker i to the i-th of those that the
/// process may use. Off at first: it helps where nothing else runs, and harms where something does.
void set_pinned(bool pinned);

/// A host program's own thread pool: must call task(context, i, worker) exactly once for every i in
/// [0, count), with worker in [0, threads()) and no two calls at once with the same worker, and
/// return when all are done. Null restores the project's own.
using Task = void (*)(const void* context, int64_t i, int worker);
using Executor = void (*)(int64_t count, Task task, const void* context);
void set_executor(Executor executor);

/// Which of the project's own executors runs parallel work while no host's does: the pool of
/// threads (core/thread_pool.hpp), or OpenMP's (core/openmp_executor.hpp). Without a word it is as
/// VITRINE_EXECUTOR says, pool or openmp, and else the pool. Results are the same bits.
/// set_openmp(true) throws UsageError in a build without OpenMP.
void set_openmp(bool on);
bool openmp();
/// Whether the executor of this name is OpenMP's. Throws UsageError for a name that is not known.
bool openmp_from_name(std::string_view name);

/// Parallel work started on this thread runs serially while one of these lives: for threads that
/// decode and augment beside the computation. They run on any processor, whatever set_pinned said.
class SerialScope {
 public:
  SerialScope();
  ~SerialScope();
  SerialScope(const SerialScope&) = delete;
  SerialScope& operator=(const SerialScope&) = delete;

 private:
  int before_;
};

namespace detail {
/// Runs task for every i in [0, count) on up to threads() threads. The first exception (by i) is
/// thrown again in the caller. Inside parallel work it runs serially,
/// under the caller's worker number.
void run_tasks(int64_t count, Task task, const void* context);
}  // namespace detail

/// Whether this thread runs a task of parallel work, or a SerialScope lives on it.
bool in_parallel_work();

/// Calls f(chunk, begin, end, worker) for every chunk of `grain` items of [0, n). Where the cuts
/// are depends on n and grain, never on the number of threads: that is what keeps results
/// bit-identical. Each thread takes a run of neighbouring chunks first, the same run in every
/// region of as many chunks: what it wrote in one operation it finds in its cache in the next.
/// Work that adds up keeps one partial result per chunk and adds them in order.
/// `worker` < threads() picks a scratch buffer that no other running chunk uses.
template <class F>
void parallel_chunks(int64_t n, int64_t grain, const F& f) {
  struct Context {
    int64_t n, grain;
    const F* f;
  };
  const Context context{n, std::max<int64_t>(grain, 1), &f};
  const auto task = [](const void* opaque, int64_t i, int worker) {
    const auto& c = *static_cast<const Context*>(opaque);
    (*c.f)(i, i* c.grain, std::min(c.n, (i + 1) * c.grain), worker);
  };
  detail::run_tasks(ceil_div(n, context.grain), task, &context);
}

/// Calls f(begin, end) for every chunk of `grain` items of [0, n); see parallel_chunks.
template <class F>
void parallel_for(int64_t n, int64_t grain, const F& f) {
  parallel_chunks(n, grain, [&f](int64_t, int64_t begin, int64_t end, int) { f(begin, end); });
}

}  // namespace vitrine
