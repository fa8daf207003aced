#include "core/error.hpp"
#include "tests/golden/opinfo.hpp"

namespace vitrine::golden {

std::vector<Tensor> OpinfoCall::inputs() {
  const Json& list = entry_.at("input");
  if (!list.is_array()) throw Error("the input is not a list of tensors");
  std::vector<Tensor> tensors;
  for (const Json& item : list) tensors.push_back(tensor_of(item));
  return tensors;
}

const Json* OpinfoCall::take(size_t position, const char* name) {
  const Json& args = entry_.at("args");
  const Json& kwargs = entry_.at("kwargs");
  const Json* found = nullptr;
  if (position < args.size()) {
    taken_positions_.insert(position);
    found = &args[position];
  } else if (const auto named = kwargs.find(name); named != kwargs.end()) {
    taken_names_.insert(name);
    found = &*named;
  }
  return found == nullptr || found->is_null() ? nullptr : found;
}

Tensor OpinfoCall::tensor(size_t position, const char* name) {
  const Json* argument = take(position, name);
  if (argument == nullptr) return {};
  if (argument->is_number()) return Tensor::scalar(argument->get<float>());
  return tensor_of(*argument);
}

std::optional<int64_t> OpinfoCall::integer(size_t position, const char* name) {
  const Json* argument = take(position, name);
  if (argument == nullptr) return std::nullopt;
  return integer_of(*argument);
}

bool OpinfoCall::flag(size_t position, const char* name, bool otherwise) {
  const Json* argument = take(position, name);
  return argument == nullptr ? otherwise : argument->get<bool>();
}

std::vector<int64_t> OpinfoCall::integers(size_t position, const char* name) {
  const Json* argument = take(position, name);
  if (argument == nullptr) return {};
  if (!argument->is_array()) return {integer_of(*argument)};
  std::vector<int64_t> values;
  for (const Json& item : *argument) values.push_back(integer_of(item));
  return values;
}

Tensor OpinfoCall::tensor_of(const Json& argument) {
  if (!argument.is_object() || !argument.contains("tensor")) {
    throw NotOffered{"opinfo arguments that are no tensors where one is expected"};
  }
  const Json& reference = argument.at("tensor");
  if (!source_.is_float(reference)) throw NotOffered{"opinfo types other than float32"};
  return source_.tensor(reference);
}

int64_t OpinfoCall::integer_of(const Json& argument) const {
  if (!argument.is_number_integer()) not_offered("with an argument that is no integer");
  return argument.get<int64_t>();
}

void OpinfoCall::done() const {
  for (size_t i = 0; i < entry_.at("args").size(); ++i) {
    if (!taken_positions_.contains(i)) not_offered("with so many arguments");
  }
  for (const auto& [name, value] : entry_.at("kwargs").items()) {
    if (!taken_names_.contains(name)) not_offered("with " + name);
  }
}

}  // namespace vitrine::golden
