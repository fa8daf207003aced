#include "core/process_memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace vitrine {

// proc(5): VmRSS and VmHWM, in KiB.
ProcessMemory process_memory() {
  ProcessMemory memory;
  std::ifstream file("/proc/self/status");
  std::string key;
  while (file >> key) {
    int64_t kib = 0;
    if (key == "VmHWM:" && file >> kib) memory.peak_bytes = kib * 1024;
    if (key == "VmRSS:" && file >> kib) memory.resident_bytes = kib * 1024;
    std::getline(file, key);
  }
  return memory;
}

int64_t memory_limit() {
  int64_t limit = std::max<int64_t>(sysconf(_SC_PHYS_PAGES), 0) * sysconf(_SC_PAGESIZE);
  // Version 2, then 1; without a limit they say "max", or more than any machine has.
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    int64_t granted = 0;
    if (std::ifstream file(path); file >> granted && granted > 0) {
      limit = limit == 0 ? granted : std::min(limit, granted);
    }
  }
  return limit;
}

}  // namespace vitrine
