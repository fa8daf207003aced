#pragma once

#include <cstdint>

namespace vitrine {

/// Memory of this process as the operating system counts it, in bytes.
struct ProcessMemory {
  int64_t resident_bytes = 0;  ///< now
  int64_t peak_bytes = 0;      ///< at most so far
};
/// Zeros if the system does not say (no /proc).
ProcessMemory process_memory();

/// Bytes that the process may have: those of the machine, or what its cgroup grants if that is
/// less; 0 if the system does not say.
int64_t memory_limit();

}  // namespace vitrine
