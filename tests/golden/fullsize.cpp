#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/vit.hpp"
#include "tests/golden/case.hpp"
#include "tests/golden/layout.hpp"
#include "tests/golden/weightgen.hpp"

// Family "fullsize": real architectures with generated weights.

namespace vitrine::golden {
namespace {

/// The configuration behind timm's name, with what the case changes.
std::unique_ptr<NetworkConfig> config_of(const Json& entry) {
  const auto config = network_config(entry.at("model").get<std::string>());
  Json values = config->to_json();
  values.update(entry.at("kwargs"));
  if (values.contains("init_values")) {  // what timm's constructor calls it
    values["layer_scale"] = values["init_values"].is_null() ? Json(0) : values["init_values"];
    values.erase("init_values");
  }
  return network_config_from_json(values);
}

void check_names(Network& network, const Json& entry, Result& result) {
  const int64_t parameters = network.network_config().parameters();
  result.expect(
      parameters == entry.at("parameters").get<int64_t>(),
      fmt::format("{} parameters, expected {}", parameters, entry.at("parameters").get<int64_t>()));
  if (!entry.contains("state_dict")) return;
  std::set<std::string> missing;
  for (const auto& [name, shape] : entry.at("state_dict").items()) {
    // PyTorch counts the batches that a batch norm saw, and reads it nowhere here.
    if (!name.ends_with(".num_batches_tracked")) missing.insert(name);
  }
  network.visit([&](const std::string& name, Parameter& p, Role) {
    if (missing.erase(name) == 0) {
      result.fail(name + ": is not in the state dict");
      return;
    }
    const auto want = entry.at("state_dict").at(name).get<std::vector<int64_t>>();
    const Shape& got = p.value.shape();
    result.expect(std::ranges::equal(got.dims(), want),
                  fmt::format("{}: shape {}, expected {}", name, got.str(), shape_text(want)));
  });
  for (const std::string& name : missing) result.fail(name + ": missing");
}

/// Shape, mean, population deviation and the first values of a module's output.
void check_stage(const Json& stage, const Tensor& output, Result& result) {
  const std::string name = stage.at("name");
  const Tolerance tolerance{stage.at("atol"), 0, stage.value("f32_err", 0.0)};
  const auto shape = stage.at("shape").get<std::vector<int64_t>>();
  if (!std::ranges::equal(output.shape().dims(), shape)) {
    result.fail(
        fmt::format("{}: shape {}, expected {}", name, output.shape().str(), shape_text(shape)));
    return;
  }
  const auto n = static_cast<double>(output.numel());
  const std::span<const float> values = output.values();
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  const double squares = std::accumulate(
      values.begin(), values.end(), 0.0,
      [mean](double sum, float v) { return sum + (double{v} - mean) * (double{v} - mean); });
  result.compare(name + " mean", mean, stage.at("mean"), tolerance);
  result.compare(name + " std", std::sqrt(squares / n), stage.at("std"), tolerance);
  const auto first = stage.at("first8").get<std::vector<float>>();
  const std::vector<int64_t> count = {static_cast<int64_t>(first.size())};
  result.compare(name + " first8", Values(values.first(first.size()), count), Values(first, count),
                 tolerance);
}

std::vector<int64_t> highest(const Tensor& logits, size_t count) {
  std::vector<int64_t> order(static_cast<size_t>(logits.numel()));
  std::iota(order.begin(), order.end(), 0);
  const auto middle = order.begin() + static_cast<int64_t>(count);
  std::partial_sort(order.begin(), middle, order.end(),
                    [&](int64_t a, int64_t b) { return logits.data()[a] > logits.data()[b]; });
  return {order.begin(), middle};
}

void check_fullsize(const Manifest& manifest, const Json& entry, Result& result) {
  const WeightGenerator generator(entry.at("tag"));
  const auto network = config_of(entry)->build();
  network->visit(
      [&](const std::string& name, Parameter& p, Role) { generator.parameter(name, p.value); });
  check_names(*network, entry, result);

  Tensor input = Tensor::empty(Shape(entry.at("input_size").get<std::vector<int64_t>>()));
  generator.unit("input", input.mutable_data(), input.numel());
  const Tensor images = to_nhwc(input);
  const TensorFile& file = manifest.file(manifest.json().at("file"));
  const Tensor want = file.tensor(entry.at("logits"));
  const Tolerance tolerance = Tolerance::of(entry.at("tol"), "logits");

  std::set<std::string> seen;
  Probe probe;
  probe.output = [&](const std::string& module, const Tensor& output) {
    for (const Json& stage : entry.at("stages")) {
      if (stage.at("name") != module) continue;
      seen.insert(module);
      check_stage(stage, output.rank() == 4 ? to_nchw(output) : output, result);
    }
  };
  Pass pass;
  pass.probe = &probe;
  result.compare("logits (probed)", (*network)(images, pass), want, tolerance);
  for (const Json& stage : entry.at("stages")) {
    result.expect(seen.contains(stage.at("name")),
                  stage.at("name").get<std::string>() + ": not reported");
  }

  network->freeze();
  const Tensor logits = (*network)(images);
  result.compare("logits", logits, want, tolerance);
  const auto top5 = entry.at("top5").get<std::vector<int64_t>>();
  result.expect(highest(logits, top5.size()) == top5, "top5 differs");
}

}  // namespace

std::vector<Case> fullsize_cases(const ManifestPtr& manifest) {
  return cases_from(manifest->json().at("cases"), [manifest](const Json& entry, Result& result) {
    check_fullsize(*manifest, entry, result);
  });
}

}  // namespace vitrine::golden
