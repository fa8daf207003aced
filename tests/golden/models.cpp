#include <fmt/format.h>

#include <set>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/vit.hpp"
#include "models/weights/fit_names.hpp"
#include "models/weights/import_model.hpp"
#include "models/weights/load_weights.hpp"
#include "models/weights/translate_names.hpp"
#include "ops/cross_entropy.hpp"
#include "tests/golden/arch.hpp"
#include "tests/golden/case.hpp"
#include "tests/golden/gradient.hpp"
#include "tests/golden/layout.hpp"

// Family "models": whole networks, their activations and gradients.

namespace vitrine::golden {
namespace {

/// One network of the manifest.
struct NetworkCase {
  NetworkCase(const Manifest& manifest, const Json& entry_)
      : entry(entry_),
        folder(entry.at("folder").get<std::string>() + "/"),
        golden(manifest.file(folder + entry.at("golden").get<std::string>())),
        weights(manifest.file(folder + entry.at("weights").get<std::string>())) {}

  /// With the manifest's weights.
  std::unique_ptr<Network> build() const {
    auto built = network_config_from_json(arch_of(entry))->build();
    load_weights(*built, own_weights(weights.content()), weights.content());
    return built;
  }
  std::vector<int32_t> labels() const {
    const std::vector<int64_t> values = golden.integers(entry.at("labels"));
    return {values.begin(), values.end()};
  }

  const Json& entry;
  std::string folder;
  const TensorFile& golden;
  const TensorFile& weights;
};

/// What one mode of a network is compared with; `how` says which forward pass was compared.
struct Mode {
  const Json& record;  // {"tensors", "tol"}
  const TensorFile& golden;
  std::string prefix = {};  // of the names in the record
  bool training = false;    // statistics of the batch

  bool has(const std::string& name) const { return record.at("tol").contains(prefix + name); }
  void compare(const std::string& name, const char* how, const Tensor& got, Result& result) const {
    const std::string stored = prefix + name;
    result.compare(stored + how, got, golden.tensor(stored),
                   Tolerance::of(record.at("tol"), stored));
  }
};

/// Logits without a tape, as inference computes them: with and without packed weights.
void check_inference(const NetworkCase& network, const Mode& mode, Result& result) {
  const auto built = network.build();
  const int64_t parameters = built->network_config().parameters();
  result.expect(parameters == network.entry.at("parameters").get<int64_t>(),
                fmt::format("{} parameters, expected {}", parameters,
                            network.entry.at("parameters").get<int64_t>()));
  const Tensor images = to_nhwc(network.golden.tensor(network.entry.at("input")));
  mode.compare("logits", " (inference)", (*built)(images), result);
  built->freeze();
  mode.compare("logits", " (frozen)", (*built)(images), result);
}

/// Logits, loss, all gradients and, in training, the statistics that it moved; with a probe also
/// the activations and attention maps.
void check_training(const NetworkCase& network, const Mode& mode, bool probed, Result& result) {
  const char* how = probed ? " (probed)" : "";
  const auto built = network.build();
  std::set<std::string> seen;
  Probe probe;
  probe.output = [&](const std::string& module, const Tensor& output) {
    if (!mode.has("act/" + module)) return;
    seen.insert("act/" + module);
    mode.compare("act/" + module, "", output.rank() == 4 ? to_nchw(output) : output, result);
  };
  probe.attention = [&](const std::string& block, const Tensor& probabilities) {
    if (!mode.has("attn/" + block)) return;
    seen.insert("attn/" + block);
    mode.compare("attn/" + block, "", probabilities, result);
  };
  Pass pass;
  pass.training = mode.training;
  if (probed) pass.probe = &probe;

  Tape tape;
  Tensor input = network.golden.tensor(network.entry.at("input"));
  tape.watch(input);
  built->visit([&](const std::string&, Parameter& p, Role) { tape.watch(p.value); });
  const Tensor logits = (*built)(to_nhwc(input), pass);
  const Tensor loss = cross_entropy(logits, network.labels());
  mode.compare("logits", how, logits, result);
  mode.compare("loss", how, loss, result);

  const Gradients gradients = tape.backward(loss);
  const auto compare_gradient = [&](const std::string& name, const Tensor& leaf) {
    seen.insert(name);
    if (!mode.has(name)) return;
    const Tensor gradient = gradients.of(leaf);
    mode.compare(name, how, gradient.defined() ? gradient : Tensor::zeros(leaf.shape()), result);
  };
  compare_gradient("grad_input", input);
  built->visit([&](const std::string& name, Parameter& p, Role) {
    compare_gradient("grad/" + name, p.value);
    const std::string buffer = "buffer/" + name;
    if (!mode.has(buffer)) return;
    seen.insert(buffer);
    mode.compare(buffer, how, p.value, result);
  });
  if (!probed) return;
  seen.insert({"logits", "loss"});
  for (const std::string name : mode.record.at("tensors")) {
    result.expect(seen.contains(name.substr(mode.prefix.size())), name + ": not reported");
  }
}

void check_network(const Manifest& manifest, const Json& entry, Result& result) {
  const NetworkCase network(manifest, entry);
  const Mode mode{entry.at("modes").at("eval"), network.golden};
  check_inference(network, mode, result);
  check_training(network, mode, false, result);
  check_training(network, mode, true, result);
  if (!entry.at("modes").contains("train")) return;
  const Mode training{entry.at("modes").at("train"), network.golden, "train/", true};
  check_training(network, training, false, result);
  check_training(network, training, true, result);
}

/// The same weights at another image size.
void check_resized(const Manifest& manifest, const Json& entry, const Json& part, Result& result) {
  const std::string method = part.at("method");
  if (method != "bicubic antialias") {
    throw NotOffered{"resized by " + method};
  }
  const NetworkCase network(manifest, entry);
  const std::string prefix = part.at("prefix");
  const auto size = part.at("img_size").get<std::vector<int64_t>>();
  const auto built = network.build();
  built->resize(size.at(0), size.at(1), PositionResampling::kBicubicAntialias);
  const Mode mode{part, network.golden};
  built->visit([&](const std::string& name, const Parameter& p, Role) {
    const std::string resampled = fmt::format("{}/{}", prefix, name);
    if (mode.has(resampled)) mode.compare(resampled, "", p.value, result);
  });
  const Tensor images = to_nhwc(network.golden.tensor(prefix + "/input"));
  mode.compare(prefix + "/logits", "", (*built)(images), result);
}

/// The files of an export: "file", or several under "files".
std::vector<std::string> files_of(const Json& part) {
  if (part.contains("files")) return part.at("files").get<std::vector<std::string>>();
  return {part.at("file").get<std::string>()};
}

/// A network from weights that another program wrote. A Hugging Face folder describes itself; other
/// formats do not say the activation or the heads, and get the configuration.
std::unique_ptr<Network> import_network(const std::string& path, const NetworkConfig* config) {
  const TensorArchive archive(path);
  MappedWeights weights = translate_names(archive);
  std::unique_ptr<Network> network;
  if (config == nullptr) {
    network = read_foreign_description(archive, weights).network;
  } else {
    network = config->build();
    fit_names(weights, *config, path);
  }
  load_weights(*network, weights, archive);
  return network;
}

/// The same weights as another program writes them.
void check_export(const Manifest& manifest, const Json& entry, const Json& part, Result& result) {
  const NetworkCase network(manifest, entry);
  const Mode mode{entry.at("modes").at("eval"), network.golden};
  const Tensor images = to_nhwc(network.golden.tensor(entry.at("input")));
  const auto config = network_config_from_json(arch_of(entry));
  for (const std::string& file : files_of(part)) {
    const auto imported = import_network((manifest.folder() / network.folder / file).string(),
                                         part.contains("config") ? nullptr : config.get());
    mode.compare("logits", fmt::format(" ({})", file).c_str(), (*imported)(images), result);
  }
}

/// Adds a case for each part of `entry` under `key`, called after the part's `name_key`.
void add_parts(const Json& entry, const char* key, const char* name_key, std::vector<Case>& cases,
               const std::function<void(const Json&, Result&)>& run) {
  if (!entry.contains(key)) return;
  for (const Json& part : entry.at(key)) {
    const bool named = part.is_object() && part.contains(name_key) && part[name_key].is_string();
    const std::string name = named ? part[name_key].get<std::string>() : "?";
    cases.push_back({entry.at("id").get<std::string>() + "/" + name, entry,
                     [part, run](Result& result) { run(part, result); }});
  }
}

}  // namespace

std::vector<Case> model_cases(const ManifestPtr& manifest) {
  std::vector<Case> cases;
  for (Case& whole :
       cases_from(manifest->json().at("cases"), [manifest](const Json& entry, Result& result) {
         check_network(*manifest, entry, result);
       })) {
    const Json entry = whole.entry;
    cases.push_back(std::move(whole));
    add_parts(entry, "resized", "prefix", cases,
              [manifest, entry](const Json& part, Result& result) {
                check_resized(*manifest, entry, part, result);
              });
    add_parts(entry, "exports", "format", cases,
              [manifest, entry](const Json& part, Result& result) {
                check_export(*manifest, entry, part, result);
              });
  }
  return cases;
}

}  // namespace vitrine::golden
