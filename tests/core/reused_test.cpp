// The allocator of short-lived lists: what was given back comes again, and threads do not mix it
// up. Not here: that calls of the library need no more memory (tests/faults/host.c).

#include "core/reused.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

namespace vitrine {
namespace {

TEST_CASE("reused: the same memory comes again, for any type of about that size",
          "[core][memory]") {
  trim_reused();
  const void* first = nullptr;
  {
    const ReusedVector<int64_t> a(100, 1);
    first = a.data();
  }
  {
    const ReusedVector<float> b(250, 2.0F);  // 1000 bytes, as 800 in the class of 1024
    CHECK(b.data() == first);
    CHECK(reinterpret_cast<uintptr_t>(b.data()) % 64 == 0);
  }
  trim_reused();
}

TEST_CASE("reused: every size holds what is written", "[core][memory]") {
  for (size_t n = 1; n < (size_t{1} << 25); n = n * 2 + n / 3 + 1) {
    ReusedVector<uint8_t> bytes(n, 7);
    bytes.back() = 8;
    CHECK(std::accumulate(bytes.begin(), bytes.end(), uint64_t{0}) == 7 * n + 1);
  }
  trim_reused();
}

TEST_CASE("reused: threads get different memory", "[core][memory][threads]") {
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 2000; ++i) {
        const ReusedVector<int> mine(1 + i % 50, t);
        const ReusedVector<int> more(mine.begin(), mine.end());
        for (const int x : mine) wrong += x != t ? 1 : 0;
        if (more != mine) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace vitrine
