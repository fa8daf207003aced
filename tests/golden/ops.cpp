#include "tests/golden/ops.hpp"

#include <fmt/format.h>

#include <array>

#include "core/tape.hpp"
#include "tests/golden/gradient.hpp"

// Family "ops": one call of one operation, its outputs and its gradients.

namespace vitrine::golden {
namespace {

const OpAdapter& adapter_of(const std::string& op) {
  static const std::map<std::string, OpAdapter> table = [] {
    std::map<std::string, OpAdapter> all;
    for (const auto part : {elementwise_ops(), reduction_ops(), movement_ops(), network_ops(),
                            vit_ops(), convolution_ops(), update_ops(), graph_ops()}) {
      for (const OpAdapter& adapter : part) all.emplace(adapter.op, adapter);
    }
    return all;
  }();
  const auto found = table.find(op);
  if (found == table.end()) throw NotOffered{"op " + op};
  return found->second;
}

/// Integers have no tolerance: they must be right.
Tolerance tolerance_of(const Json& entry, const std::string& name, const RawTensor& want) {
  const bool is_integer = want.dtype == Dtype::kI64 || want.dtype == Dtype::kI32;
  if (is_integer && !entry.at("tol").contains(name)) return {};
  return Tolerance::of(entry.at("tol"), name);
}

/// `how` says which of the two forward passes it was.
void compare_outputs(const Json& entry, const TensorFile& file, const Outputs& outputs,
                     const char* how, Result& result) {
  for (const auto& [name, stored] : entry.at("outputs").items()) {
    const auto found = outputs.find(name);
    if (found == outputs.end()) {
      result.fail(name + ": not computed");
      continue;
    }
    result.compare(name + how, found->second, file.tensor(stored),
                   tolerance_of(entry, name, file.raw(stored)));
  }
}

void check_gradients(const Json& entry, const TensorFile& file, const OpAdapter& adapter,
                     Result& result) {
  Tape tape;
  OpCall call(entry, file);
  for (const auto& [name, stored] : entry.at("grads").items()) tape.watch(call.input(name));
  const Outputs outputs = adapter.run(call);
  compare_outputs(entry, file, outputs, " (recorded)", result);

  Cotangents from;
  for (const auto& [name, stored] : entry.at("cotangents").items()) {
    const auto found = outputs.find(name);
    if (found != outputs.end()) from.add(found->second, file.tensor(stored));
  }
  std::vector<WantedGradient> wanted;
  for (const auto& [name, stored] : entry.at("grads").items()) {
    wanted.push_back({"grad:" + name, call.input(name), file.tensor(stored),
                      Tolerance::of(entry.at("tol"), "grad:" + name)});
  }
  compare_gradients(tape, from, wanted, result);
}

void check_op(const Manifest& manifest, const Json& entry, Result& result) {
  const OpAdapter& adapter = adapter_of(entry.at("op"));
  const TensorFile& file = manifest.file(entry.at("file"));
  OpCall call(entry, file);
  compare_outputs(entry, file, adapter.run(call), "", result);
  if (!entry.at("grads").empty()) check_gradients(entry, file, adapter, result);
}

}  // namespace

Tensor& OpCall::input(const std::string& name) {
  const auto found = loaded_.find(name);
  if (found != loaded_.end()) return found->second;
  return loaded_.emplace(name, file_.tensor(stored_name(name))).first->second;
}

std::vector<int64_t> OpCall::integers(const std::string& name) const {
  return file_.integers(stored_name(name));
}

std::vector<Case> ops_cases(const ManifestPtr& manifest) {
  return cases_from(manifest->json().at("cases"), [manifest](const Json& entry, Result& result) {
    check_op(*manifest, entry, result);
  });
}

}  // namespace vitrine::golden
