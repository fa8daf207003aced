#include "tests/golden/opinfo.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "tests/golden/gradient.hpp"

// Family "opinfo": samples of PyTorch's operator tests, and calls that it rejects.

namespace vitrine::golden {
namespace {

constexpr const char* kErrorFile = "error_inputs.json";

const OpinfoAdapter& adapter_of(const std::string& op) {
  static const std::map<std::string, OpinfoAdapter> table = [] {
    std::map<std::string, OpinfoAdapter> all;
    for (const auto part : {opinfo_network_calls(), opinfo_convolution_calls(),
                            opinfo_elementwise_calls(), opinfo_movement_calls()}) {
      for (const OpinfoAdapter& adapter : part) all.emplace(adapter.op, adapter);
    }
    return all;
  }();
  const auto found = table.find(op);
  if (found == table.end()) throw NotOffered{"opinfo " + op};
  return found->second;
}

/// Tensors of a sample, by their keys ("in0").
class StoredTensors : public TensorSource {
 public:
  StoredTensors(const Json& names, const TensorFile& file) : names_(names), file_(file) {}

  Tensor& tensor(const Json& reference) override {
    const std::string key = reference;
    const auto found = loaded_.find(key);
    if (found != loaded_.end()) return found->second;
    return loaded_.emplace(key, file_.tensor(names_.at(key))).first->second;
  }
  std::vector<int64_t> integers(const Json& reference) override {
    return file_.integers(names_.at(reference.get<std::string>()));
  }
  bool is_float(const Json& reference) override {
    return file_.raw(names_.at(reference.get<std::string>())).dtype == Dtype::kF32;
  }

 private:
  const Json& names_;
  const TensorFile& file_;
  std::map<std::string, Tensor> loaded_;
};

/// Tensors of a call that must be refused: {"shape", "dtype", "values" where they matter}.
class DescribedTensors : public TensorSource {
 public:
  Tensor& tensor(const Json& reference) override {
    const auto dims = reference.at("shape").get<std::vector<int64_t>>();
    if (static_cast<int64_t>(dims.size()) > Shape::kMaxRank) {
      throw NotOffered{fmt::format("rank above {}", Shape::kMaxRank)};
    }
    made_.push_back(Tensor::zeros(Shape(dims)));
    return made_.back();
  }
  std::vector<int64_t> integers(const Json& reference) override { return reference.at("values"); }
  bool is_float(const Json& reference) override { return reference.at("dtype") == "float32"; }

 private:
  std::vector<Tensor> made_;
};

void compare_outputs(const Json& entry, const TensorFile& file, const std::vector<Tensor>& outputs,
                     const char* how, Result& result) {
  const Json& names = entry.at("outputs");
  if (outputs.size() != names.size()) {
    result.fail(fmt::format("{} outputs, expected {}", outputs.size(), names.size()));
    return;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (names[i].is_null()) continue;
    const std::string stored = names[i];
    const std::string key = fmt::format("out{}", i);
    const Dtype dtype = file.raw(stored).dtype;
    const bool is_integer = dtype == Dtype::kI64 || dtype == Dtype::kI32;
    result.compare(key + how, outputs[i], file.tensor(stored),
                   is_integer ? Tolerance{} : Tolerance::of(entry.at("tol"), key));
  }
}

void check_gradients(const Json& entry, const TensorFile& file, const OpinfoAdapter& adapter,
                     Result& result) {
  Tape tape;
  StoredTensors tensors(entry.at("tensors"), file);
  for (const auto& [key, stored] : entry.at("grads").items()) tape.watch(tensors.tensor(key));
  OpinfoCall call(entry, tensors);
  const std::vector<Tensor> outputs = adapter.run(call);
  compare_outputs(entry, file, outputs, " (recorded)", result);
  if (!result.failures().empty()) return;

  Cotangents from;
  const Json& cotangents = entry.at("cotangents");
  for (size_t i = 0; i < cotangents.size(); ++i) {
    if (!cotangents[i].is_null()) from.add(outputs.at(i), file.tensor(cotangents[i]));
  }
  std::vector<WantedGradient> wanted;
  for (const auto& [key, stored] : entry.at("grads").items()) {
    wanted.push_back({"grad:" + key, tensors.tensor(key), file.tensor(stored),
                      Tolerance::of(entry.at("tol"), "grad:" + key)});
  }
  compare_gradients(tape, from, wanted, result);
}

void check_sample(const Manifest& manifest, const Json& entry, Result& result) {
  const OpinfoAdapter& adapter = adapter_of(entry.at("op"));
  const TensorFile& file = manifest.file(manifest.json().at("file"));
  StoredTensors tensors(entry.at("tensors"), file);
  OpinfoCall call(entry, tensors);
  compare_outputs(entry, file, adapter.run(call), "", result);
  if (!entry.at("grads").empty()) check_gradients(entry, file, adapter, result);
}

void check_refusal(const Json& entry, Result& result) {
  const OpinfoAdapter& adapter = adapter_of(entry.at("op"));
  DescribedTensors tensors;
  OpinfoCall call(entry, tensors);
  try {
    adapter.run(call);
  } catch (const ShapeError&) {
    return;
  } catch (const UsageError&) {
    return;
  }
  result.fail("accepted, expected a ShapeError or a UsageError");
}

}  // namespace

std::vector<Case> opinfo_cases(const ManifestPtr& manifest) {
  std::vector<Case> cases = cases_from(
      manifest->json().at("cases"),
      [manifest](const Json& entry, Result& result) { check_sample(*manifest, entry, result); });
  if (std::filesystem::exists(manifest->folder() / kErrorFile)) {
    const Json errors = manifest->read_json(kErrorFile);
    for (Case& c : cases_from(errors.at("cases"), [](const Json& entry, Result& result) {
           check_refusal(entry, result);
         })) {
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

}  // namespace vitrine::golden
