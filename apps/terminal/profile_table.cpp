#include "apps/terminal/profile_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vitrine {

std::string profile_table(std::span<const ProfileRow> rows) {
  if (rows.empty()) return {};
  double total = 0;
  size_t width = std::string_view("operation").size();
  for (const ProfileRow& row : rows) {
    total += row.seconds;
    width = std::max(width, row.name.size());
  }
  std::string text = fmt::format("{:<{}}  {:>8}  {:>10}  {:>7}  {:>8}\n", "operation", width,
                                 "calls", "ms", "share", "GFLOP/s");
  for (const ProfileRow& row : rows) {
    const double gflops = 2e-9 * static_cast<double>(row.macs) / std::max(row.seconds, 1e-12);
    text += fmt::format("{:<{}}  {:>8}  {:>10.2f}  {:>5.1f} %  {:>8}\n", row.name, width, row.calls,
                        1e3 * row.seconds, 100 * row.seconds / std::max(total, 1e-12),
                        row.macs > 0 ? fmt::format("{:.1f}", gflops) : "");
  }
  return text + fmt::format("{:<{}}  {:>8}  {:>10.2f}\n", "all", width, "", 1e3 * total);
}

}  // namespace vitrine
