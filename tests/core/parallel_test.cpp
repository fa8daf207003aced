// parallel_for, the random generator, and ISA selection.

#include "core/parallel.hpp"

#include <catch2/catch.hpp>

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/ceil_div.hpp"
#include "core/error.hpp"
#include "core/isa.hpp"
#include "core/openmp_executor.hpp"
#include "core/random.hpp"
#include "core/thread_pool.hpp"
#include "tests/skipped.hpp"

namespace vitrine {
namespace {

/// The executor of a test: "pool", and "openmp" where the build has it.
class ScopedExecutor {
 public:
  explicit ScopedExecutor(bool openmp) : before_(vitrine::openmp()) { set_openmp(openmp); }
  ~ScopedExecutor() { set_openmp(before_); }
  ScopedExecutor(const ScopedExecutor&) = delete;
  ScopedExecutor& operator=(const ScopedExecutor&) = delete;

 private:
  bool before_;
};

bool each_executor() { return has_openmp() ? GENERATE(false, true) : false; }

/// Whether a region of two tasks can have two threads.
bool two_threads() {
  set_threads(2);
  parallel_for(2, 1, [](int64_t, int64_t) {});
  set_threads(0);
  const char* limit = std::getenv("OMP_THREAD_LIMIT");
  return openmp() ? limit == nullptr || std::atoi(limit) > 1 : pool_size() > 0;
}

TEST_CASE("parallel_for: every item once, cut at multiples of the grain", "[core][threads]") {
  const ScopedExecutor executor(each_executor());
  const int n = GENERATE(1, 2, 3, 4, 7);
  set_threads(n);
  for (const int64_t items : {0, 1, 7, 100, 1001}) {
    for (const int64_t grain : {1, 3, 64, 5000}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(items));
      std::atomic<int64_t> chunks{0};
      std::atomic<int> wrong{0};  // Catch's macros are for one thread
      parallel_chunks(items, grain, [&](int64_t chunk, int64_t begin, int64_t end, int worker) {
        const bool right = begin == chunk * grain && end == std::min(items, begin + grain);
        if (!right || worker >= n) ++wrong;
        ++chunks;
        for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
      });
      CHECK(wrong == 0);
      CHECK(chunks == ceil_div(items, grain));
      for (const auto& s : seen) CHECK(s == 1);
    }
  }
  set_threads(0);
}

std::vector<int> allowed_processors() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> found;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) found.push_back(i);
  }
  return found;
}

void allow_processors(const std::vector<int>& allowed) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int p : allowed) CPU_SET(p, &set);
  sched_setaffinity(0, sizeof set, &set);
}

TEST_CASE("set_pinned: a worker keeps to its processor, loader threads do not", "[core][threads]") {
  const ScopedExecutor executor(each_executor());
  const std::vector<int> all = allowed_processors();
  set_threads(3);
  set_pinned(true);
  std::vector<std::vector<int>> seen(3);
  for (int round = 0; round < 50; ++round) {
    parallel_chunks(3, 1, [&](int64_t, int64_t, int64_t, int worker) {
      seen[static_cast<size_t>(worker)] = allowed_processors();
    });
  }
  for (size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i].empty()) CHECK(seen[i] == std::vector{all[i % all.size()]});
  }
  std::vector<int> beside;
  std::thread([&] {
    const SerialScope serial;
    beside = allowed_processors();
  }).join();
  CHECK(beside == all);
  set_pinned(false);
  for (int round = 0; round < 50; ++round) {
    parallel_for(3, 1, [](int64_t, int64_t) {});
  }
  CHECK(allowed_processors() == all);
  set_threads(0);
}

TEST_CASE("parallel_for: a worker leaves the processor of its caller", "[core][threads]") {
  const ScopedExecutor executor(each_executor());
  const std::vector<int> all = allowed_processors();
  if (all.size() < 2) return test::say_skipped("there is one processor");
  if (!two_threads()) return test::say_skipped("there is one thread: nobody would ever meet");
  set_threads(2);
  std::array<int, 2> processor{};
  // Both threads take a task: the first one waits for the other.
  const auto meet = [&](auto&& on_arrival) {
    forget_waiting();
    std::atomic<int> arrived{0};
    parallel_chunks(2, 1, [&](int64_t, int64_t, int64_t, int worker) {
      on_arrival(worker);
      for (++arrived; arrived < 2;) std::this_thread::yield();
    });
  };
  constexpr int kRounds = 100;
  int apart = 0;
  for (int round = 0; round < kRounds; ++round) {
    const int here = sched_getcpu();
    meet([&](int worker) {
      if (worker == 0) return;
      allow_processors({here});
      allow_processors(all);
    });
    std::vector<int> allowed;
    meet([&](int worker) {
      processor[static_cast<size_t>(worker)] = sched_getcpu();
      if (worker == 1) allowed = allowed_processors();
    });
    CHECK(allowed == all);
    if (processor[0] != processor[1]) ++apart;
  }
  CHECK(apart > kRounds / 2);  // the system may move either in between
  set_threads(0);
}

TEST_CASE("parallel_for: a thread begins with its own share and helps with what is left",
          "[core][threads]") {
  const ScopedExecutor executor(each_executor());
  if (!two_threads()) return test::say_skipped("there is one thread");
  set_threads(2);
  constexpr int64_t kItems = 6;
  std::vector<int> worker_of(kItems);
  const auto run = [&](auto&& wait) {
    forget_waiting();
    std::atomic<int> begun{0};
    parallel_chunks(kItems, 1, [&](int64_t i, int64_t, int64_t, int worker) {
      worker_of[static_cast<size_t>(i)] = worker;
      wait(i, ++begun, begun);
    });
    CHECK(begun == kItems);
  };
  for (int round = 0; round < 20; ++round) {
    // In step: nobody ends an item before the other has begun as many.
    run([](int64_t, int mine, const std::atomic<int>& begun) {
      while (begun < (mine + 1) / 2 * 2) std::this_thread::yield();
    });
    CHECK(worker_of == std::vector<int>{0, 0, 0, 1, 1, 1});
    // Whoever has item 0 is stuck in it until all the others have begun.
    run([](int64_t i, int, const std::atomic<int>& begun) {
      while (i == 0 && begun < kItems) std::this_thread::yield();
    });
  }
  set_threads(0);
}

TEST_CASE("parallel_for: the exception of the lowest item comes out", "[core][threads]") {
  const ScopedExecutor executor(each_executor());
  for (const int n : {1, 4}) {
    set_threads(n);
    CHECK_THROWS_WITH(parallel_for(100, 1,
                                   [](int64_t i, int64_t) {
                                     if (i >= 3) throw std::runtime_error(std::to_string(i));
                                   }),
                      "3");
    set_threads(0);
  }
}

TEST_CASE("parallel_for: inside parallel work it is serial", "[core][threads]") {
  const ScopedExecutor executor(each_executor());
  set_threads(4);
  std::atomic<int> sum{0};
  parallel_for(8, 1,
               [&](int64_t, int64_t) { parallel_for(10, 1, [&](int64_t, int64_t) { ++sum; }); });
  CHECK(sum == 80);
  {
    const SerialScope serial;
    parallel_chunks(10, 1, [&](int64_t, int64_t, int64_t, int worker) { CHECK(worker == 0); });
  }
  set_threads(0);
}

/// A host's thread pool, from its last task to its first.
void backwards(int64_t count, Task task, const void* context) {
  for (int64_t i = count - 1; i >= 0; --i) task(context, i, 1);
}

TEST_CASE("parallel_for: a host program's executor is used", "[core][threads]") {
  set_threads(2);
  set_executor(backwards);
  std::vector<int64_t> order;
  parallel_chunks(3, 1, [&](int64_t chunk, int64_t, int64_t, int worker) {
    order.push_back(chunk);
    CHECK(worker == 1);
  });
  set_executor(nullptr);
  set_threads(0);
  CHECK(order == std::vector<int64_t>{2, 1, 0});
}

TEST_CASE("philox: the test vectors of the paper's library", "[core][random]") {
  // Random123's known answers for philox4x32-10.
  CHECK(philox({0, 0, 0, 0}, 0) ==
        std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr uint32_t kOnes = 0xffffffff;
  CHECK(philox({kOnes, kOnes, kOnes, kOnes}, 0xffffffffffffffff) ==
        std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
}

TEST_CASE("random: streams are functions of seed, place and number", "[core][random]") {
  const auto draw = [](uint64_t seed, RandomPlace place, uint64_t stream) {
    Random r(seed, place, stream);
    std::vector<uint32_t> words(9);
    for (uint32_t& w : words) w = r.next_u32();
    return words;
  };
  CHECK(draw(1, RandomPlace::kTest, 2) == draw(1, RandomPlace::kTest, 2));
  CHECK(draw(1, RandomPlace::kTest, 2) != draw(2, RandomPlace::kTest, 2));
  CHECK(draw(1, RandomPlace::kTest, 2) != draw(1, RandomPlace::kInit, 2));
  CHECK(draw(1, RandomPlace::kTest, 2) != draw(1, RandomPlace::kTest, 3));
}

TEST_CASE("random: uniform, integers and normal numbers look like it", "[core][random]") {
  Random r(5, RandomPlace::kTest);
  constexpr int kN = 100'000;
  double sum = 0;
  double normal_sum = 0;
  double normal_squares = 0;
  std::vector<int> counts(7);
  for (int i = 0; i < kN; ++i) {
    const float u = r.uniform();
    if (u < 0 || u >= 1) FAIL("uniform() gave " << u);
    sum += double{u};
    ++counts[r.below(7)];
    const double z = r.normal();
    normal_sum += z;
    normal_squares += z * z;
  }
  CHECK(sum / kN == Approx(0.5).margin(0.005));
  CHECK(normal_sum / kN == Approx(0).margin(0.02));
  CHECK(normal_squares / kN == Approx(1).margin(0.02));
  for (const int c : counts) CHECK(c == Approx(kN / 7.0).epsilon(0.05));
}

TEST_CASE("random: beta numbers have the moments of their distribution", "[core][random]") {
  constexpr int kN = 100'000;
  const std::vector<std::pair<double, double>> shapes = {{0.2, 0.2}, {1, 1}, {2, 5}, {0.01, 0.01}};
  for (const auto& [a, b] : shapes) {
    INFO("a = " << a << ", b = " << b);
    Random r(6, RandomPlace::kTest);
    double sum = 0;
    double squares = 0;
    double cubes = 0;
    for (int i = 0; i < kN; ++i) {
      const double x = r.beta(a, b);
      if (!(x >= 0 && x <= 1)) FAIL("beta() gave " << x);
      sum += x;
      squares += x * x;
      cubes += x * x * x;
    }
    // E x^k = E x^(k-1) (a + k - 1) / (a + b + k - 1)
    const double mean = a / (a + b);
    const double second = mean * (a + 1) / (a + b + 1);
    CHECK(sum / kN == Approx(mean).margin(0.01));
    CHECK(squares / kN == Approx(second).margin(0.01));
    CHECK(cubes / kN == Approx(second * (a + 2) / (a + b + 2)).margin(0.01));
  }
}

}  // namespace
}  // namespace vitrine
