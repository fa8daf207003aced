#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine {

/// Where the time goes, per operation: collected while VITRINE_PROFILE=1 or set_profiling(true).
/// Off, a scope costs the test of a flag.
bool profiling();
void set_profiling(bool on);

/// The time of one operation, from its beginning to its end on the calling thread. An operation
/// inside another counts for the outer one. `name` must outlive the program: a literal.
///
///   Tensor layer_norm(...) {
///     const ProfileScope profile("layer_norm");
class ProfileScope {
 public:
  explicit ProfileScope(std::string_view name, bool backward = false);
  ~ProfileScope();
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

  /// Name of the outermost operation under way on this thread; empty outside of one. What a tape
  /// notes, so that the gradient counts for the same operation.
  static std::string_view current();

 private:
  bool counts_;
  std::chrono::steady_clock::time_point start_;
};

/// Adds multiply-adds to the operation under way; nothing outside of one.
void profile_macs(int64_t macs);

struct ProfileRow {
  std::string name;  ///< of the operation, with " backward" for its gradient
  int64_t calls = 0;
  double seconds = 0;
  int64_t macs = 0;
};
/// What was collected since the last reset, the longest first.
std::vector<ProfileRow> profile_rows();
void reset_profile();

}  // namespace vitrine
