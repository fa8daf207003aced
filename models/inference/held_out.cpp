#include "models/inference/held_out.hpp"

#include <fmt/format.h>

#include "core/hash.hpp"

namespace vitrine {

std::string held_out(std::span<const int32_t> labels, std::span<const int64_t> validation) {
  return fmt::format("{:016x}/{:016x}", fnv1a(std::as_bytes(labels)),
                     fnv1a(std::as_bytes(validation)));
}

bool has_learned(std::string_view earlier, std::string_view now) {
  const auto data = [](std::string_view text) { return text.substr(0, text.find('/')); };
  return !earlier.empty() && data(earlier) == data(now) && earlier != now;
}

}  // namespace vitrine
