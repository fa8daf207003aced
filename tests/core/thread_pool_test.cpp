// The pool of threads below parallel_for: many callers at once, an end and a new beginning, a child
// process, more tasks than one word counts, latecomers. What any executor must do is in
// parallel_test.cpp.

#include "core/thread_pool.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "core/shares.hpp"
#include "tests/sanitized.hpp"
#include "tests/skipped.hpp"

namespace vitrine {
namespace {

/// The sum of [0, n), through the pool.
int64_t sum_to(int64_t n, int threads) {
  std::atomic<int64_t> sum{0};
  const auto add = [](const void* context, int64_t i, int) {
    *static_cast<std::atomic<int64_t>*>(const_cast<void*>(context)) += i;
  };
  run_on_pool(n, threads, add, &sum);
  return sum;
}

TEST_CASE("pool: every task once, for many callers at once", "[core][threads]") {
  std::atomic<int> wrong{0};
  constexpr int kCallers = 24;  // more than the pool helps
  std::vector<std::thread> callers;
  callers.reserve(kCallers);
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&wrong, c] {
      for (int round = 0; round < 200; ++round) {
        const int64_t n = 1 + (round * 7 + c) % 40;
        if (sum_to(n, 1 + (round + c) % 5) != n * (n - 1) / 2) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("pool: it ends when asked to, and begins again", "[core][threads]") {
  CHECK(sum_to(100, 4) == 4950);
  const int before = pool_size();
  stop_pool();
  CHECK(pool_size() == 0);
  stop_pool();
  CHECK(sum_to(100, 4) == 4950);
  CHECK(pool_size() <= 3);
  CHECK((before == 0) == (pool_size() == 0));
}

TEST_CASE("pool: a child process has one of its own", "[core][threads]") {
  CHECK(sum_to(1000, 3) == 499500);
  const pid_t child = fork();
  if (child == 0) {
    const bool right = pool_size() == 0 && sum_to(1000, 3) == 499500;
    _exit(right ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(sum_to(1000, 3) == 499500);
}

TEST_CASE("pool: more tasks than a word of Shares counts", "[core][threads]") {
  if (test::kSanitized) return test::say_skipped("under a sanitizer they take a minute");
  const int64_t n = Shares::kMaxTasks + 5;
  CHECK(sum_to(n, 2) == n * (n - 1) / 2);
}

TEST_CASE("shares: who comes late for a region gets nothing of the next", "[core][threads]") {
  Shares shares;
  std::vector<int64_t> seen;
  const auto note = [&](int64_t i) { seen.push_back(i); };
  shares.start(1, 5, 2);
  shares.run(1, 1, note);
  CHECK(seen == std::vector<int64_t>{2, 3, 4, 0, 1});
  seen.clear();
  shares.start(2, 5, 2);
  shares.run(1, 0, note);
  CHECK(seen.empty());
  shares.run(2, 0, note);
  CHECK(seen == std::vector<int64_t>{0, 1, 2, 3, 4});
  seen.clear();
  shares.start(3, 3, 100);  // more threads than parts, more parts than tasks
  shares.run(3, 99, note);
  CHECK(seen.size() == 3);
}

}  // namespace
}  // namespace vitrine
