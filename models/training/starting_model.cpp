#include "models/training/starting_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/data/class_places.hpp"
#include "models/inference/find_model.hpp"
#include "models/networks/whole_patches.hpp"
#include "models/training/fine_tune.hpp"
#include "models/weights/load_model.hpp"
#include "models/weights/resize_model.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

/// Which row of the source's head is for each class of the data: none where they are not known to
/// have the same classes. Says so in `note`.
std::vector<int32_t> head_rows(const RunOptions& o, const Dataset& data, const Model& source,
                               std::string& note) {
  const auto new_head = [&](const std::string& why) {
    note = fmt::format("--init {}: its head is left out, the new one begins with zeros: {}", o.init,
                       why);
    return std::vector<int32_t>();
  };
  if (o.head_bias != 0) return new_head("head_bias is for a new one");
  if (source.labels.empty() || are_placeholders(source.labels)) {
    return new_head("it does not say what its classes are called");
  }
  if (!data.facts().names_known)
    return new_head("the data do not say what their classes are called");
  const ClassPlaces places = find_classes(data.class_names(), source.labels);
  if (!places.unknown.empty()) {
    return new_head("it has no class " + quoted_names(places.unknown));
  }
  if (!places.twice.empty()) {
    return new_head("it has more than one class " + quoted_names(places.twice));
  }
  if (data.class_names().size() != source.labels.size()) {
    return new_head(fmt::format("of its {} classes the data have {}", source.labels.size(),
                                data.class_names().size()));
  }
  note = fmt::format("--init {}: its head is kept, the classes are the same{}", o.init,
                     std::ranges::is_sorted(places.at) ? "" : " in another order");
  return places.at;
}

/// Refuses a size that somebody made up and of which patches would leave a part out. Published
/// networks that do so have learned it (timm's so400m at 384 pixels). Convolutions of a backbone
/// pad and leave nothing out.
void check_patches(const RunOptions& o, bool other_size, const NetworkConfig& config) {
  const auto* vit = dynamic_cast<const VitConfig*>(&config);
  if (vit == nullptr) return;
  const std::string& name = o.model;
  const bool ours = name.starts_with("vit_d") && name.size() > 5 && std::isdigit(name[5]) != 0;
  const bool own_size = ours || name.starts_with('{') || name.ends_with(".json");
  const Size2d patched = vit->patched();
  const bool padded = vit->backbone.has_value() && patched.h % vit->patch_height == 0 &&
                      patched.w % vit->patch_width == 0;
  if (other_size || (own_size && !padded)) {
    require_whole_patches(*vit, config.image_height, config.image_width);
  }
}

/// The model by name, or that of the weights to start from, with what the options change.
std::unique_ptr<NetworkConfig> configure(const RunOptions& o, const Dataset& data,
                                         const Model* source, bool new_head,
                                         std::vector<std::string>& notes) {
  const bool named = !o.model.empty();
  const auto base =
      named ? network_config(o.model) : fine_tune_config(*source, data.classes(), new_head);
  if (base->classes != data.classes() && named) {
    if (names_classes(o.model)) {
      throw UsageError(fmt::format("model {} has {} classes, data {} has {}", o.model,
                                   base->classes, o.data, data.classes()));
    }
    if (o.model.ends_with(".json")) {
      notes.push_back(fmt::format("model {}: {} classes, as the data have, not {}", o.model,
                                  data.classes(), base->classes));
    }
  }
  base->classes = data.classes();
  json object = base->to_json();
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
  auto config = network_config_from_json(std::move(object));
  const bool other_size =
      config->image_height != base->image_height || config->image_width != base->image_width;
  check_patches(o, other_size, *config);
  return config;
}

/// What a new network sees: the data's own pictures where they have its size, else resized ones.
Preprocess preprocess_for(const NetworkConfig& c, const Dataset& data) {
  Preprocess p;
  p.crop_rounding = CropRounding::kDown;  // so that it can be written for Hugging Face as it is
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
    source = std::make_unique<Model>(load_model(find_model(options.init), options.init_weights));
    if (options.model.empty() && options.image_size == 0) fit_to_pictures(*source);
  }
  Model model;
  std::string about_head;
  std::vector<int32_t> rows;
  if (source != nullptr) rows = head_rows(options, data, *source, about_head);
  const auto config = configure(options, data, source.get(), rows.empty(), model.notes);
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
    if (!rows.empty() && !same_head(*model.network, *source)) {
      rows.clear();
      about_head = fmt::format("--init {}: its head is left out, the new one has another shape",
                               options.init);
    }
    start_from(*model.network, *source, options.init, rows);
    model.notes.insert(model.notes.begin(), source->notes.begin(), source->notes.end());
    model.notes.push_back(about_head);
  }
  if (!options.exif) model.preprocess.exif = Exif::kAsStored;
  if (options.head_bias != 0) set_head_bias(*model.network, options.head_bias);
  return model;
}

}  // namespace vitrine
