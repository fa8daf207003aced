#include "models/networks/network.hpp"

#include <fmt/format.h>

#include "core/check.hpp"
#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/text/json_problem.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/bit.hpp"
#include "models/networks/config_check.hpp"
#include "models/networks/resnet.hpp"
#include "models/networks/vit.hpp"
#include "ops/binary.hpp"

namespace vitrine {
namespace {

constexpr int64_t kMaxConfigBytes = int64_t{1} << 20;

std::unique_ptr<NetworkConfig> read_config_file(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxConfigBytes);
  try {
    return parse_network_config({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  } catch (const UsageError& e) {
    throw UsageError(fmt::format("{}: {}", path, e.what()));
  }
}

}  // namespace

void NetworkConfig::validate_common() const {
  require_in("img_size", image_height, 1, kMaxSide);
  require_in("img_size", image_width, 1, kMaxSide);
  require_in("in_chans", channels, 1, kMaxImageChannels);
  require_in("num_classes", classes, 0, kMaxClasses);
}

int64_t NetworkConfig::parameters() const {
  int64_t sum = 0;
  each_layer([&](const LayerPlan& layer) { sum += layer.parameters; });
  return sum;
}

int64_t NetworkConfig::macs() const {
  int64_t sum = 0;
  each_layer([&](const LayerPlan& layer) { sum += layer.macs; });
  return sum;
}

Tensor HeadLogits::answer() const {
  return by_teacher.defined() ? mul(add(by_class, by_teacher), 0.5F) : by_class;
}

void Network::check_images(std::string_view kind, const Tensor& images) const {
  const NetworkConfig& c = network_config();
  const int64_t batch = images.rank() == 0 ? 0 : images.dim(0);
  check_shape(kind, "images", images, {batch, c.image_height, c.image_width, c.channels});
}

std::unique_ptr<NetworkConfig> network_config_from_json(nlohmann::json object) {
  const Dissolved at_the_end(object);
  const auto kind_of = [&]() -> std::string {
    if (!object.is_object() || !object.contains("kind")) return "vit";
    return object["kind"].is_string() ? object["kind"].get<std::string>()
                                      : write_json(object["kind"]);
  };
  const std::string kind = kind_of();
  if (kind == "vit" || kind == "hybrid" || kind == "eva" || kind == "beit") {
    return std::make_unique<VitConfig>(VitConfig::from_json(std::move(object)));
  }
  if (kind == "resnet")
    return std::make_unique<ResNetConfig>(ResNetConfig::from_json(std::move(object)));
  if (kind == "resnetv2")
    return std::make_unique<BitConfig>(BitConfig::from_json(std::move(object)));
  throw UsageError(fmt::format(
      "model configuration: unknown kind '{}'; known are vit, hybrid, eva, beit, resnet, resnetv2",
      kind));
}

std::unique_ptr<NetworkConfig> parse_network_config(std::string_view text) {
  return network_config_from_json(parse_options(kConfigError, text));
}

std::unique_ptr<NetworkConfig> network_config(const std::string& name) {
  if (name.starts_with('{')) return parse_network_config(name);
  if (name.ends_with(".json")) return read_config_file(name);
  if (const auto c = resnet_config(name)) return std::make_unique<ResNetConfig>(*c);
  if (const auto c = bit_config(name)) return std::make_unique<BitConfig>(*c);
  return std::make_unique<VitConfig>(vit_config(name));
}

}  // namespace vitrine
