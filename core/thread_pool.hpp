#pragma once

#include <cstdint>

#include "core/parallel.hpp"

namespace vitrine {

/// Runs task(context, i, worker) once for every i in [0, count), on this thread as worker 0 and on
/// up to `threads` - 1 of the pool's: the default executor. The same worker is the same thread in
/// every region. Returns when all tasks are done, whether or not every thread has woken for them.
///   tasks do not throw; several threads may call this at once and share the pool
///   threads that the system refuses are done without, and asked for again a second later
void run_on_pool(int64_t count, int threads, Task task, const void* context);

/// Ends the pool's threads and waits for them; the next region starts new ones. Not while regions
/// run.
void stop_pool();

/// How many threads the pool has.
int pool_size();

/// After it was kept waiting, a thread works alone for a while. This ends it, for tests that want
/// two threads at any price.
void forget_waiting();

}  // namespace vitrine
