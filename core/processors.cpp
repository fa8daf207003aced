#include "core/processors.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "core/parallel.hpp"

namespace vitrine {
namespace {

// Which worker's processor this thread is bound to; -1 if to none.
thread_local int t_bound = -1;
std::atomic<bool> g_pinned{false};

/// Binds this thread to processors()[begin, end).
void bind(size_t begin, size_t end) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t i = begin; i < end; ++i) CPU_SET(processors()[i], &set);
  sched_setaffinity(0, sizeof set, &set);
}

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

}  // namespace

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

int count_processors() {
  int n = static_cast<int>(std::thread::hardware_concurrency());
  if (!processors().empty()) n = static_cast<int>(processors().size());
  if (const int quota = cgroup_quota(); quota > 0) n = std::min(n, quota);
  return std::max(n, 1);
}

bool pinned() { return g_pinned.load(std::memory_order_relaxed); }

void set_pinned(bool on) {
  processors();  // as they are before any thread is bound
  g_pinned = on;
}

void bind_worker(int worker) {
  const int wanted = pinned() ? worker : -1;
  if (t_bound == wanted || processors().empty()) return;
  t_bound = wanted;
  const size_t i = static_cast<size_t>(std::max(wanted, 0)) % processors().size();
  bind(wanted < 0 ? 0 : i, wanted < 0 ? processors().size() : i + 1);
}

void unbind() { bind(0, processors().size()); }

int current_processor() { return sched_getcpu(); }

void leave_processor(int crowded) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(crowded, &others);
  // Nowhere else to go is an error here, and the thread stays.
  if (sched_setaffinity(0, sizeof others, &others) != 0) return;
  sched_setaffinity(0, sizeof allowed, &allowed);
}

}  // namespace vitrine
