#pragma once

#include "core/text/json_options.hpp"
#include "models/networks/config_check.hpp"

namespace vitrine {

/// The options that every network has (NetworkConfig).
template <class Config, class F>
void each_common_option(Config& config, F& f) {
  f.size("img_size", config.image_height, config.image_width);
  f("in_chans", config.channels);
  f("num_classes", config.classes);
}

/// A network's configuration, as read_options.
template <class Config, class Read>
Config read_network_config(nlohmann::json object, const Read& read) {
  const auto config = read_options<Config>(kConfigError, std::move(object), read);
  config.validate();
  return config;
}

}  // namespace vitrine
