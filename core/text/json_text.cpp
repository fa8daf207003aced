#include "core/text/json_text.hpp"

#include <fmt/format.h>

#include <limits>

namespace vitrine {
namespace {

using nlohmann::json;

/// nlohmann's own builder of values, which counts levels.
class Builder : public nlohmann::detail::json_sax_dom_parser<json> {
  using Base = nlohmann::detail::json_sax_dom_parser<json>;

 public:
  using Base::Base;
  bool start_object(size_t size) {
    deeper();
    return Base::start_object(size);
  }
  bool end_object() {
    --depth_;
    return Base::end_object();
  }
  bool start_array(size_t size) {
    deeper();
    return Base::start_array(size);
  }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }

 private:
  void deeper() {
    if (depth_++ < kMaxJsonDepth) return;
    throw json::out_of_range::create(
        408, fmt::format("lists or objects within each other, more than {} deep", kMaxJsonDepth),
        nullptr);
  }
  int depth_ = 0;
};

}  // namespace

json parse_json(std::string_view text) {
  json value;
  Builder builder(value);
  try {
    json::sax_parse(text, &builder);
  } catch (...) {
    dissolve(value);
    throw;
  }
  return value;
}

json try_parse_json(std::string_view text) {
  try {
    return parse_json(text);
  } catch (const json::exception&) {
    return json(json::value_t::discarded);
  }
}

void dissolve(json& value) noexcept {
  if (auto* list = value.get_ptr<json::array_t*>(); list != nullptr) {
    for (json& element : *list) dissolve(element);
    list->clear();
  } else if (auto* object = value.get_ptr<json::object_t*>(); object != nullptr) {
    for (auto& [key, element] : *object) dissolve(element);
    object->clear();
  }
}

std::string write_json(const json& value, int indent) { return value.dump(indent); }

std::string write_json_lossy(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void require_integers(const json& value, bool is_signed) {
  const auto is_integer = [&](const json& v) {
    if (!v.is_number()) return true;  // which type it should have, get_to says
    if (v.is_number_unsigned()) {
      return !is_signed || v.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()};
    }
    return v.is_number_integer() && (is_signed || v.get<int64_t>() >= 0);
  };
  const auto check = [&](const json& v) {
    if (is_integer(v)) return;
    throw json::type_error::create(302, "not an integer that fits: " + v.dump(), &v);
  };
  if (!value.is_array()) return check(value);
  for (const json& element : value) check(element);
}

}  // namespace vitrine
