#include "apps/terminal/print.hpp"

#include "apps/terminal/wrap_text.hpp"
#include "core/text/json_text.hpp"

namespace vitrine {

void print_lines(std::FILE* to, std::string_view lines) {
  fmt::print(to, "{}", screen_lines(lines));
}

void print_wrapped(std::FILE* to, std::string_view text) {
  fmt::print(to, "{}\n", wrap_text(screen_text(text)));
}

void print_json(const nlohmann::json& value) {
  fmt::print("{}\n", screen_json(write_json_lossy(value)));
}

}  // namespace vitrine
