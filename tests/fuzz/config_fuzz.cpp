// Any text as each kind of JSON that describes a network, a run or a picture: read, or refused with
// an Error. What is read can be written again and means the same.

#include <cstdlib>
#include <string_view>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/network.hpp"
#include "models/training/run.hpp"
#include "models/weights/source_facts.hpp"

namespace {

using namespace vitrine;

template <class Use>
void try_to(Use use) {
  try {
    use();
  } catch (const Error&) {  // as it should be
  }
}

void require_same(const nlohmann::json& a, const nlohmann::json& b) {
  if (a != b) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_to([&] {
    const auto config = parse_network_config(text);
    config->parameters();
    config->macs();
    config->summary();
    require_same(network_config_from_json(config->to_json())->to_json(), config->to_json());
  });
  try_to([&] {
    const RunOptions options = RunOptions::parse(text);
    require_same(RunOptions::from_json(options.to_json()).to_json(), options.to_json());
  });
  try_to([&] {
    const Preprocess rule = Preprocess::parse(text);
    require_same(Preprocess::from_json(rule.to_json()).to_json(), rule.to_json());
  });
  try_to([&] { facts_of_hugging_face(text, text, "fuzz"); });
  try_to([&] { facts_of_hugging_face(text, {}, "fuzz", text); });
  try_to([&] { facts_of_timm(text, "timm", "fuzz"); });
  return 0;
}
