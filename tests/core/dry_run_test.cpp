// DryRun: what a rehearsal counts, and what it leaves alone.

#include "core/dry_run.hpp"

#include <catch2/catch.hpp>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/process_memory.hpp"
#include "core/tensor.hpp"

namespace vitrine {
namespace {

TEST_CASE("dry run: blocks count as they would be used", "[core][memory]") {
  const MemoryStats before = memory_stats();
  DryRun dry;
  CHECK(DryRun::current() == &dry);
  constexpr int64_t kMib = int64_t{1} << 20;
  const Buffer kept(3 * kMib);
  CHECK(dry.resident_bytes() == 3 * kMib);
  {
    const Buffer a(5 * kMib);
  }
  CHECK(dry.resident_bytes() == 8 * kMib);
  {
    const Buffer smaller(5 * kMib - 4096);
  }  // the same block, less of it
  CHECK(dry.resident_bytes() == 8 * kMib);
  {
    const Buffer larger(5 * kMib - 1);
  }
  CHECK(dry.resident_bytes() == 8 * kMib);
  {
    const Buffer other_class(7 * kMib);
  }
  CHECK(dry.resident_bytes() == 15 * kMib);
  {
    const Buffer again(6 * kMib + 4096);  // of the class of 7 MiB
    const Buffer second(6 * kMib + 4096);
  }
  CHECK(dry.resident_bytes() == 21 * kMib + 4096);
  const MemoryStats after = memory_stats();
  CHECK(after.live_bytes == before.live_bytes);
  CHECK(after.new_blocks == before.new_blocks);
}

TEST_CASE("dry run: nothing is computed, nothing becomes resident", "[core][memory]") {
  const Tensor real = Tensor::full({4}, 2.0F);
  const int64_t resident = process_memory().resident_bytes;
  {
    const DryRun dry;
    int calls = 0;
    parallel_for(100, 1, [&](int64_t, int64_t) { ++calls; });
    CHECK(calls == 0);
    const Tensor large = Tensor::full({1 << 26}, 1.0F);  // 256 MiB
    CHECK(large.data()[12345] == 0.0F);
    CHECK(real.clone().data()[0] == 0.0F);
    CHECK(process_memory().resident_bytes < resident + (int64_t{64} << 20));
    CHECK(dry.resident_bytes() >= int64_t{256} << 20);
  }
  CHECK(DryRun::current() == nullptr);
  CHECK(real.clone().data()[0] == 2.0F);
  int calls = 0;
  parallel_for(100, 1, [&](int64_t, int64_t) { ++calls; });
  CHECK(calls > 0);
}

TEST_CASE("dry run: buffers of before may go during a rehearsal", "[core][memory]") {
  Buffer real(1 << 20);
  const int64_t live = memory_stats().live_bytes;
  const DryRun dry;
  real = Buffer(1 << 10);
  CHECK(memory_stats().live_bytes == live - (1 << 20));
  real = Buffer();
}

TEST_CASE("process memory: the system's figures", "[core][memory]") {
  const ProcessMemory memory = process_memory();
  CHECK(memory.resident_bytes > 1 << 20);
  CHECK(memory.peak_bytes >= memory.resident_bytes);
  CHECK(memory_limit() > memory.resident_bytes);
}

}  // namespace
}  // namespace vitrine
