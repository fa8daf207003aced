#include "core/profile.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "core/dry_run.hpp"

namespace vitrine {
namespace {

bool wanted_by_environment() {
  const char* text = std::getenv("VITRINE_PROFILE");
  return text != nullptr && *text != '\0' && std::string_view(text) != "0";
}

std::atomic<bool>& flag() {
  static std::atomic<bool> on{wanted_by_environment()};
  return on;
}

struct Sums {
  int64_t calls = 0, macs = 0;
  double seconds = 0;
};

struct Table {
  std::mutex mutex;
  std::map<std::pair<std::string_view, bool>, Sums> rows;
};

Table& table() {
  static Table t;
  return t;
}

/// The operation under way on this thread.
struct Current {
  std::string_view name;
  bool backward = false;
  int64_t macs = 0;
};
thread_local Current t_current;

}  // namespace

bool profiling() { return flag().load(std::memory_order_relaxed); }

void set_profiling(bool on) { flag() = on; }

ProfileScope::ProfileScope(std::string_view name, bool backward)
    : counts_(profiling() && t_current.name.empty() && !name.empty() &&
              DryRun::current() == nullptr) {
  if (!counts_) return;
  t_current = {name, backward, 0};
  start_ = std::chrono::steady_clock::now();
}

ProfileScope::~ProfileScope() {
  if (!counts_) return;
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start_;
  const Current done = std::exchange(t_current, {});
  const std::lock_guard lock(table().mutex);
  Sums& sums = table().rows[{done.name, done.backward}];
  ++sums.calls;
  sums.seconds += time.count();
  sums.macs += done.macs;
}

std::string_view ProfileScope::current() { return t_current.name; }

void profile_macs(int64_t macs) {
  if (!t_current.name.empty()) t_current.macs += macs;
}

std::vector<ProfileRow> profile_rows() {
  std::vector<ProfileRow> rows;
  const std::lock_guard lock(table().mutex);
  for (const auto& [key, sums] : table().rows) {
    rows.push_back({std::string(key.first) + (key.second ? " backward" : ""), sums.calls,
                    sums.seconds, sums.macs});
  }
  std::ranges::stable_sort(rows, std::ranges::greater{}, &ProfileRow::seconds);
  return rows;
}

void reset_profile() {
  const std::lock_guard lock(table().mutex);
  table().rows.clear();
}

}  // namespace vitrine
