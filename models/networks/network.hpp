#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "models/networks/layer_plan.hpp"
#include "models/networks/layers.hpp"
#include "models/networks/position_resampling.hpp"

namespace vitrine {

class Network;

/// What the configuration of every network says, as plain data. VitConfig (ViTs and hybrids),
/// ResNetConfig and BitConfig add what is theirs.
struct NetworkConfig {
  int64_t image_height = 224, image_width = 224;
  int64_t channels = 3;
  int64_t classes = 1000;  ///< 0 for no head: the features are the result

  virtual ~NetworkConfig() = default;
  /// Numbers in what the head sees.
  virtual int64_t features() const = 0;
  /// f(layer) for every layer and every token, in the order of the pass: the one description that
  /// counts follow from.
  virtual void each_layer(const LayerVisitor& f) const = 0;
  /// Trained numbers, and multiply-adds of matrix products and convolutions for one image: the sums
  /// over all layers.
  int64_t parameters() const;
  int64_t macs() const;
  /// Throws UsageError that says which value is impossible and why.
  virtual void validate() const = 0;
  /// Sizes and switches on a line, for people.
  virtual std::string summary() const = 0;
  /// A JSON object with every value, under timm's names, and the "kind" of network.
  virtual nlohmann::json to_json() const = 0;
  /// The network, its parameters uninitialised.
  virtual std::unique_ptr<Network> build() const = 0;

 protected:
  /// What validate checks of every network: the four values above.
  void validate_common() const;

  NetworkConfig() = default;
  NetworkConfig(const NetworkConfig&) = default;
  NetworkConfig& operator=(const NetworkConfig&) = default;
};

/// Any network from its JSON object. Throws UsageError on unknown kinds, unknown keys and
/// impossible values.
std::unique_ptr<NetworkConfig> network_config_from_json(nlohmann::json object);
/// A text would become a JSON string: parse_network_config reads it.
std::unique_ptr<NetworkConfig> network_config_from_json(std::string_view text) = delete;
/// The same of its text.
std::unique_ptr<NetworkConfig> parse_network_config(std::string_view text);

/// The configuration of a name (vit_config, resnet_config, bit_config), of a file that ends in
/// .json, or of a JSON object's text. Throws UsageError, with what is known, if it is none of
/// these; IoError for the file.
std::unique_ptr<NetworkConfig> network_config(const std::string& name);

/// The configuration for images of another size, in pixels. Throws what validate() throws.
template <class Config>
Config for_image_size(Config config, int64_t height, int64_t width) {
  config.image_height = height;
  config.image_width = width;
  config.validate();
  return config;
}

/// Whether the name says how many classes there are: JSON does, and vit_..._c7.
bool names_classes(std::string_view name);

/// Initial values of linear layers and of the patch projection; the names are timm's.
enum class WeightInit {
  /// Linear layers normal with deviation 0.02, biases 0, the patch projection uniform with
  /// +-1 / sqrt(fan_in): PyTorch's own. Convolutions as He et al. 2015, by their outputs.
  kTimm,
  /// As the paper's authors have it in JAX: linear layers uniform with the bound of Glorot and
  /// Bengio 2010 (eq. 16), biases of the MLP normal with 1e-6, the others 0, the patch projection
  /// normal with deviation 1 / sqrt(fan_in), the head 0. Narrow models learn faster from it, since
  /// a deviation of 0.02 is small for them.
  kJax,
};

/// f(name, parameter, role)
using ParameterVisitor = std::function<void(const std::string&, Parameter&, Role)>;

/// What each head of a network says.
struct HeadLogits {
  Tensor by_class;    ///< (B, classes)
  Tensor by_teacher;  ///< (B, classes) of a distilled network's second head, else undefined

  /// What the network answers: the mean of its heads.
  Tensor answer() const;
  /// What learns from a teacher: the second head, or where there is none the only one.
  const Tensor& for_teacher() const { return by_teacher.defined() ? by_teacher : by_class; }
};

/// What training, evaluation and files need of a network. Parameters keep their places.
class Network {
 public:
  virtual ~Network() = default;

  virtual const NetworkConfig& network_config() const = 0;

  /// images (B, H, W, C), normalised -> logits (B, classes); the features if the configuration has
  /// no classes. Throws ShapeError if the images are of another size.
  virtual Tensor operator()(const Tensor& images, const Pass& pass = {}) const = 0;

  /// The same before the heads are averaged; only for a network with classes.
  virtual HeadLogits heads(const Tensor& images, const Pass& pass = {}) const {
    return {(*this)(images, pass), {}};
  }

  /// images (B, H, W, C), normalised -> what the head sees: (B, features). timm:
  /// forward_head(..., pre_logits=True).
  virtual Tensor features(const Tensor& images, const Pass& pass = {}) const = 0;

  /// f(name, parameter, role) for every tensor, in the order of timm's state dict.
  virtual void visit(const ParameterVisitor& f) = 0;

  /// Initial values, a function of (configuration, seed, scheme). Throws UsageError for a scheme
  /// that this kind of network does not have.
  virtual void initialize(uint64_t seed, WeightInit scheme = WeightInit::kTimm) = 0;

  /// Changes the image size, in pixels; networks of convolutions take any. A position embedding is
  /// resampled by `method`. Throws UsageError if the network cannot take the size, and is then as
  /// before.
  virtual void resize(int64_t image_height, int64_t image_width, PositionResampling method) = 0;

  /// No more training. Weights are packed for the active ISA, statistics folded into the
  /// convolutions: from now on that is the form they have.
  virtual void freeze() = 0;

  /// Layers in the order of the pass, for layer-wise decay of the learning rate: 0 is what comes
  /// before the blocks, then every block, last the head. Source: timm's group_matcher.
  virtual int64_t layers() const = 0;
  virtual int64_t layer_of(std::string_view parameter) const = 0;

 protected:
  /// Throws ShapeError in the name of `kind` unless the images are of the configuration's size.
  void check_images(std::string_view kind, const Tensor& images) const;

  Network() = default;
  Network(const Network&) = default;
  Network(Network&&) = default;
  Network& operator=(const Network&) = default;
  Network& operator=(Network&&) = default;
};

}  // namespace vitrine
