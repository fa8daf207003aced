// Settings of the process: whoever changes them gets a turn however busy the others are, and is
// refused where waiting would never end; sixteen threads that call everything at once. Not here:
// what the settings do (vitrine_test).

#include "models/c_api/process_settings.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/thread_pool.hpp"
#include "models/c_api/vitrine.h"
#include "tests/models/c_api/opened_model.hpp"

namespace vitrine {
namespace {

using namespace test;  // NOLINT: the tools of these tests alone

/// Logits, from any thread: Catch's assertions are for one alone. Empty on a failure.
std::vector<float> answer(const vitrine_model* model,
                          const std::vector<vitrine_picture>& pictures) {
  std::vector<float> out(pictures.size() * kClasses);
  const auto status =
      vitrine_logits(model, pictures.data(), pictures.size(), out.data(), out.size());
  return status == VITRINE_OK ? out : std::vector<float>{};
}

/// So many threads that call `work` until this ends.
template <class F>
class Busy {
 public:
  Busy(int threads, const F& work) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, i, work] {
        while (!stop_) work(i);
      });
    }
  }
  ~Busy() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

TEST_CASE("settings: a change has its turn while others compute without a pause", "[c][threads]") {
  const Opened o;
  const Image image = noise(kSide, kSide, 3, 1);
  std::atomic<int64_t> calls = 0;
  const Busy busy(4, [&](int) {
    answer(o.handle, {pixels_of(image)});
    ++calls;
  });
  while (calls < 20) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    CHECK(vitrine_set_threads(1 + i % 2) == VITRINE_OK);
  }
  CHECK(vitrine_set_threads(0) == VITRINE_OK);
}

TEST_CASE("settings: who comes while a change waits, waits for it", "[c][threads]") {
  using Clock = std::chrono::steady_clock;
  std::atomic<int64_t> passed = 0;
  std::atomic<bool> changed = false;
  std::optional<ShareSettings> computes(std::in_place);
  std::thread later([&] {
    while (!changed) {
      const ShareSettings settings;
      ++passed;
    }
  });
  while (passed == 0) std::this_thread::yield();
  std::thread change([&] {
    const ChangeSettings alone;
    changed = true;
  });
  // As soon as the change waits for this thread, nobody passes any more.
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  int64_t before = -1;
  while (before != passed && Clock::now() < deadline) {
    before = passed;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(before == passed);
  CHECK(!changed);
  computes.reset();
  change.join();
  later.join();
  CHECK(changed);
}

std::atomic<int> g_refused = 0;
std::atomic<int> g_answered = 0;
vitrine_model* g_model = nullptr;
std::vector<vitrine_picture> g_pictures;

void count_refusals() {
  if (vitrine_set_threads(2) == VITRINE_ERROR_USAGE) ++g_refused;
  if (vitrine_set_executor(nullptr) == VITRINE_ERROR_USAGE) ++g_refused;
  if (vitrine_stop_threads() == VITRINE_ERROR_USAGE) ++g_refused;
}

/// A host's executor on a thread of its own, which calls Vitrine again, inside tasks and outside.
void call_back(int64_t count, vitrine_task task, const void* context) {
  count_refusals();
  std::thread([&] {
    for (int64_t i = 0; i < count; ++i) task(context, i, 0);
  }).join();
  thread_local bool again = false;
  if (again) return;
  again = true;
  std::vector<float> out(kClasses);
  if (vitrine_logits(g_model, g_pictures.data(), 1, out.data(), out.size()) == VITRINE_OK) {
    ++g_answered;
  }
  again = false;
}

TEST_CASE("settings: a change from inside a call is refused, a call waits for nobody",
          "[c][threads]") {
  const Opened o;
  const Image image = noise(kSide, kSide, 3, 1);
  g_model = o.handle;
  g_pictures.assign(2, pixels_of(image));
  CHECK(vitrine_set_threads(2) == VITRINE_OK);
  const std::vector<float> want = logits_of(o.handle, g_pictures);
  CHECK(vitrine_set_executor(call_back) == VITRINE_OK);
  g_refused = g_answered = 0;
  {
    // Somebody waits for a change meanwhile.
    const Busy changing(1, [](int) { vitrine_set_threads(2); });
    for (int i = 0; i < 10; ++i) CHECK(logits_of(o.handle, g_pictures) == want);
  }
  CHECK(g_refused >= 30);
  CHECK(g_answered >= 10);
  CHECK(vitrine_set_executor(nullptr) == VITRINE_OK);
  CHECK(vitrine_set_threads(0) == VITRINE_OK);
}

TEST_CASE("settings: the pool's threads end when asked, and come again", "[c][threads]") {
  const Opened o;
  const Image image = noise(kSide, kSide, 3, 1);
  const std::vector<vitrine_picture> pictures(4, pixels_of(image));
  CHECK(vitrine_set_threads(3) == VITRINE_OK);
  const std::vector<float> want = logits_of(o.handle, pictures);
  for (int i = 0; i < 3; ++i) {
    CHECK(vitrine_stop_threads() == VITRINE_OK);
    CHECK(pool_size() == 0);
    CHECK(logits_of(o.handle, pictures) == want);
  }
  CHECK(vitrine_set_threads(0) == VITRINE_OK);
}

TEST_CASE("settings: sixteen threads call everything at once", "[c][threads]") {
  const Opened o;
  const Image image = noise(kSide, kSide, 3, 1);
  const std::vector<float> want = logits_of(o.handle, {pixels_of(image)});
  std::atomic<int> wrong = 0;
  const auto right = [&](bool condition) {
    if (!condition) ++wrong;
  };
  std::vector<std::thread> threads;
  threads.reserve(16);
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 6; ++i) {
        right(answer(o.handle, {pixels_of(image)}) == want);
        if (t % 4 == 0) right(vitrine_set_threads(1 + (t + i) % 4) == VITRINE_OK);
        if (t % 4 == 1) right(vitrine_stop_threads() == VITRINE_OK);
        if (t % 4 == 2) right(vitrine_set_isa(vitrine_isa()) == VITRINE_ERROR_USAGE);
        vitrine_model* own = nullptr;
        right(vitrine_open(o.path.c_str(), &own) == VITRINE_OK);
        right(answer(own, {pixels_of(image)}) == want);
        right(std::string(vitrine_label(own, 0)) == "a" && vitrine_threads() > 0);
        right(vitrine_close(own) == VITRINE_OK);
        right(vitrine_class_count(own) == -1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(vitrine_set_threads(0) == VITRINE_OK);
}

}  // namespace
}  // namespace vitrine
