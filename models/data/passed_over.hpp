#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace vitrine {

/// Counts what a folder holds and a data set does not take, by its kind, for a line that says so.
class PassedOver {
 public:
  /// Kinds are words such as "hidden", "broken links".
  void add(const std::string& kind) { ++counts_[kind]; }
  void add(const PassedOver& other) {
    for (const auto& [kind, count] : other.counts_) counts_[kind] += count;
  }
  /// A file that is no picture, by its extension.
  void add_file(const std::string& name);

  bool empty() const { return counts_.empty(); }
  /// "12 .webp, 3 hidden, 1 .txt": the most frequent first; "" if there is nothing.
  std::string text() const;

 private:
  std::map<std::string, int64_t> counts_;
};

}  // namespace vitrine
