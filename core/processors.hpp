#pragma once

#include <vector>

namespace vitrine {

/// The processors that the process was given when this was first asked; none if the system does not
/// say.
const std::vector<int>& processors();

/// How many of them the cgroup's quota lets run at once, at least 1.
int count_processors();

/// Whether set_pinned (core/parallel.hpp) is on.
bool pinned();

/// Binds this thread to worker i's processor, processors()[i % their number], if workers are
/// pinned, else to all of them, unless that is so already.
void bind_worker(int worker);

/// Binds this thread to all of them.
void unbind();

/// Where this thread runs at the moment; -1 if the system does not say.
int current_processor();

/// Moves this thread off the processor `crowded`; where it may run stays as it is. Left to itself
/// the system may keep two threads, which spin while they wait, on one processor for seconds.
void leave_processor(int crowded);

}  // namespace vitrine
