#pragma once

#include <cstdint>

#include "core/parallel.hpp"

namespace vitrine {

/// Whether this build has OpenMP: the program has; the library if it was made with OPENMP=1.
bool has_openmp();

/// run_on_pool (core/thread_pool.hpp) on OpenMP's threads: for hosts that use OpenMP themselves and
/// want one set of threads. Note what its runtime does: it ends the process if the system refuses a
/// thread, and its threads may not be unloaded. The only file with OpenMP.
void run_on_openmp(int64_t count, int threads, Task task, const void* context);

}  // namespace vitrine
