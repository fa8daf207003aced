#include "models/starting_model.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/json_text.hpp"
#include "models/find_model.hpp"
#include "models/fine_tune.hpp"
#include "models/resize_model.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

/// The model by name, or that of the weights to start from, with what the options change.
std::unique_ptr<NetworkConfig> configure(const RunOptions& o, const Dataset& data,
                                         const Model* source) {
  const bool named = !o.model.empty();
  const auto base = named ? network_config(o.model) : fine_tune_config(*source, data.classes());
  if (!named || !names_classes(o.model)) {
    base->classes = data.classes();
  } else if (base->classes != data.classes()) {
    throw UsageError(fmt::format("model {} has {} classes, data {} has {}", o.model, base->classes,
                                 o.data, data.classes()));
  }
  json object = parse_json(base->to_json());
  const auto set = [&](const char* key, const json& value, bool asked) {
    if (object.contains(key)) {
      if (asked) object[key] = value;
    } else if (asked) {
      throw UsageError(fmt::format("model {} has no {}", named ? o.model : o.init, key));
    }
  };
  set("img_size", o.image_size, o.image_size > 0);
  set("position", o.position, !o.position.empty());
  set("position_at", o.position_at, !o.position_at.empty());
  set("global_pool", o.pool, !o.pool.empty());
  set("class_token", false, o.pool == "avg" && o.init.empty());
  set("drop_path_rate", o.drop_path, o.drop_path > 0);
  set("pos_drop_rate", o.dropout, o.dropout > 0);
  set("proj_drop_rate", o.dropout, o.dropout > 0);
  return network_config_from_json(write_json(object));
}

/// What a new network sees: the data's own pictures where they have its size, else resized ones.
Preprocess preprocess_for(const NetworkConfig& c, const Dataset& data) {
  Preprocess p;
  p.height = c.image_height;
  p.width = c.image_width;
  p.channels = static_cast<int>(c.channels);
  if (p.channels != 1 && p.channels != 3) {
    throw UsageError(fmt::format("pictures have 1 or 3 channels, the model wants {}", c.channels));
  }
  p.mean.assign(static_cast<size_t>(p.channels), 0.5);
  p.stddev = p.mean;
  if (!data.in_memory()) return p;
  p.crop_pct = 1;
  const PixelStatistics statistics = pixel_statistics(data);
  for (size_t i = 0; i < p.mean.size(); ++i) {
    const size_t from = std::min(i, statistics.mean.size() - 1);  // grey seen as RGB
    p.mean[i] = statistics.mean[from];
    p.stddev[i] = std::max(statistics.stddev[from], 1e-3);
  }
  return p;
}

/// The bias of every class.
void set_head_bias(Network& network, double value) {
  network.visit([&](const std::string& name, Parameter& p, Role role) {
    if (is_head(name) && !name.starts_with("pre_logits.") && role == Role::kVector) {
      p.value = Tensor::full(p.value.shape(), static_cast<float>(value));
    }
  });
}

}  // namespace

Model starting_model(const RunOptions& options, const Dataset& data) {
  std::unique_ptr<Model> source;
  if (!options.init.empty()) {
    source = std::make_unique<Model>(load_model(find_model(options.init)));
  }
  const auto config = configure(options, data, source.get());
  Model model;
  model.network = config->build();
  model.labels = data.class_names();
  if (source == nullptr) {
    model.preprocess = preprocess_for(*config, data);
    model.network->initialize(options.seed, options.weight_init);
  } else {
    resize_model(*source, config->image_height, config->image_width, options.resampling);
    model.preprocess = source->preprocess;  // as its weights have learned to see
    model.resampling = source->resampling;
    model.held_out = source->held_out;
    start_from(*model.network, *source, options.init);
  }
  if (options.head_bias != 0) set_head_bias(*model.network, options.head_bias);
  return model;
}

}  // namespace vitrine
