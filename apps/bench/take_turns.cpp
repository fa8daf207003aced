#include "apps/bench/take_turns.hpp"

#include <algorithm>
#include <cstdint>

#include "apps/bench/measure_peak.hpp"

namespace vitrine {
namespace {

constexpr double kPeakSlice = 0.01;
// One turn is as many calls as take this long, so that the clock's own cost does not count.
constexpr double kTurn = 0.001;
constexpr int kFewestRounds = 5;

class Stopwatch {
 public:
  explicit Stopwatch(const Contestant& contestant) : call_(contestant.call) {
    call_();
    turn();
    calls_per_turn_ = std::max<int64_t>(static_cast<int64_t>(kTurn / times_.back()), 1);
    times_.clear();
  }
  void turn() {
    const auto start = Clock::now();
    for (int64_t i = 0; i < calls_per_turn_; ++i) call_();
    times_.push_back(since(start) / static_cast<double>(calls_per_turn_));
  }
  Times ms() const { return Times(times_); }

 private:
  const std::function<void()>& call_;
  int64_t calls_per_turn_ = 1;
  std::vector<double> times_;
};

}  // namespace

Turns take_turns(const std::vector<Contestant>& contestants, double flops, double seconds) {
  std::vector<Stopwatch> watches(contestants.begin(), contestants.end());

  Turns result;
  const auto start = Clock::now();
  for (int round = 0; round < kFewestRounds || since(start) < seconds; ++round) {
    result.peak_gflops = std::max(result.peak_gflops, measure_peak(kPeakSlice));
    for (Stopwatch& watch : watches) watch.turn();
  }
  for (size_t i = 0; i < watches.size(); ++i) {
    const Times ms = watches[i].ms();
    result.timings.push_back({contestants[i].who, ms, flops / ms.best / 1e6});
  }
  return result;
}

}  // namespace vitrine
