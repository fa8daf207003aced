#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>

// JSON from text and back. Text from outside becomes a value here alone, so that whoever gets a
// value may copy, compare and write it: none is deeper than the stack has room for. Compiled once:
// in every file that called them, nlohmann's templates would take longer to compile than all the
// rest of it. Headers that only name the type include <nlohmann/json_fwd.hpp>.

namespace vitrine {

/// How deep lists and objects may lie within each other. The parser needs no stack for them, but
/// copying and writing a value do; configurations and metrics have less than ten levels.
inline constexpr int kMaxJsonDepth = 64;

/// Throws nlohmann::json::exception, which says where, if the text is not JSON, and for more levels
/// than kMaxJsonDepth. Time is linear in the text; memory at most 40 bytes for one of it.
nlohmann::json parse_json(std::string_view text);

/// A value that is_discarded() where parse_json throws.
nlohmann::json try_parse_json(std::string_view text);

/// Empties a value, as deep as it is, without asking for memory. The value's own destructor takes
/// some for a list of what is inside, and ends the process where there is none.
void dissolve(nlohmann::json& value) noexcept;

/// Dissolves a value that lives longer, at the end of a scope.
class Dissolved {
 public:
  explicit Dissolved(nlohmann::json& value) : value_(value) {}
  ~Dissolved() { dissolve(value_); }
  Dissolved(const Dissolved&) = delete;
  Dissolved& operator=(const Dissolved&) = delete;

 private:
  nlohmann::json& value_;
};

/// On one line, or indented by so many blanks per level. Throws nlohmann::json::exception if a text
/// in it is not UTF-8.
std::string write_json(const nlohmann::json& value, int indent = -1);

/// On one line; what is not UTF-8 becomes U+FFFD: for file names, which can be anything.
std::string write_json_lossy(const nlohmann::json& value);

/// Throws nlohmann::json::exception if `value`, or an element of the list that it is, is a number
/// other than an integer of 64 bits: nlohmann turns 1.5 into 1 and 1e67 into anything.
void require_integers(const nlohmann::json& value, bool is_signed);

/// Reads a number, text, list or truth value as what it is. Throws nlohmann::json::exception for a
/// value of another type, and for a number that is no integer where one is wanted.
template <class T>
void read_json(const nlohmann::json& value, T& into) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    require_integers(value, std::is_signed_v<T>);
  } else if constexpr (requires { typename T::value_type; }) {
    if constexpr (sizeof(typename T::value_type) == sizeof(int64_t) &&
                  std::is_integral_v<typename T::value_type>) {
      require_integers(value, std::is_signed_v<typename T::value_type>);
    }
  }
  value.get_to(into);
}

template <class T>
T read_json(const nlohmann::json& value) {
  T into{};
  read_json(value, into);
  return into;
}

/// What an object has under a key, or else the fallback.
template <class T>
T read_json_or(const nlohmann::json& object, const char* key, T fallback) {
  if (object.contains(key)) read_json(object.at(key), fallback);
  return fallback;
}

}  // namespace vitrine
