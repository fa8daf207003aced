#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/text/json_text.hpp"

namespace vitrine {

/// Reads a JSON object that others wrote completely or not at all: every key is asked for, or is
/// one that changes nothing, or is refused by its name and value. What is null is as if it were not
/// there, as None is in Python. Everything here throws FormatError, which names the file, the key
/// and its value: kUnsupported for what is not known, kBadHeader for values of another type.
/// (OptionReader is for our own files: there an unknown key is a mistake in spelling.)
class KnownKeys {
 public:
  /// `object` outlives this. `place` is where it lies in the file: "model_args."
  KnownKeys(const nlohmann::json& object, std::string_view path, std::string_view place = {});

  /// The value; null pointer if there is none.
  const nlohmann::json* find(std::string_view key);
  /// Whether null is written there, which timm hands on in place of a default.
  bool is_null(std::string_view key) const;
  /// Reads the value, if there is one, and returns whether.
  template <class T>
  bool read(std::string_view key, T& into) {
    const nlohmann::json* value = find(key);
    if (value != nullptr) reading(key, [&] { read_json(*value, into); });
    return value != nullptr;
  }
  template <class T>
  T value_or(std::string_view key, T fallback) {
    read(key, fallback);
    return fallback;
  }
  /// read(), whose exceptions become FormatErrors that name the key: of nlohmann kBadHeader,
  /// UsageErrors kUnsupported.
  template <class Read>
  void reading(std::string_view key, Read&& read) const {
    try {
      read();
    } catch (const nlohmann::json::exception&) {
      refuse_type(key);
    } catch (const UsageError& e) {
      refuse(key, e.what());
    }
  }

  /// Refuses every other value than these; no value is one of them.
  void require(std::string_view key, std::initializer_list<nlohmann::json> known);
  /// Throws kUnsupported: "model_args.act_layer is "silu"; <what>".
  [[noreturn]] void refuse(std::string_view key, std::string_view what) const;
  /// Refuses the first key that was not asked for and is not among these, which change nothing.
  void finish(std::span<const std::string_view> harmless = {}) const;

 private:
  [[noreturn]] void refuse_type(std::string_view key) const;
  /// The key and its value, for messages.
  std::string said(std::string_view key) const;

  const nlohmann::json& object_;
  std::string path_, place_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace vitrine
