#include "core/openmp_executor.hpp"

#include "core/error.hpp"

#ifdef _OPENMP

#include <omp.h>

#include <algorithm>

#include "core/processors.hpp"
#include "core/shares.hpp"

namespace vitrine {

bool has_openmp() { return true; }

void run_on_openmp(int64_t count, int threads, Task task, const void* context) {
  const int crowded = threads <= std::ssize(processors()) ? current_processor() : -1;
  for (int64_t first = 0; first < count; first += Shares::kMaxTasks) {
    Shares shares;
    shares.start(1, std::min(count - first, Shares::kMaxTasks), threads);
#pragma omp parallel num_threads(threads)
    {
      const int worker = omp_get_thread_num();
      bind_worker(worker);  // those too that come too late for a task
      if (worker > 0 && current_processor() == crowded) leave_processor(crowded);
      shares.run(1, worker, [&](int64_t i) { task(context, first + i, worker); });
    }
  }
}

}  // namespace vitrine

#else

namespace vitrine {

bool has_openmp() { return false; }

void run_on_openmp(int64_t, int, Task, const void*) { VT_CHECK(has_openmp()); }

}  // namespace vitrine

#endif
