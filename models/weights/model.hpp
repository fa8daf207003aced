#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/data/class_order.hpp"
#include "models/data/preprocess.hpp"
#include "models/networks/network.hpp"
#include "models/networks/position_resampling.hpp"

namespace vitrine {

/// Everything that is needed to use a model: the network, what it wants to see, what it answers.
struct Model {
  std::unique_ptr<Network> network;
  Preprocess preprocess;
  std::vector<std::string> labels;  ///< one name per class; empty if the file has none
  /// What was decided on reading a file of another program, a line each.
  std::vector<std::string> notes = {};
  /// Which training pictures chose the weights (models/inference/held_out.hpp); "" if that is not
  /// known.
  std::string held_out = {};
  /// How the ecosystem that the weights come from resamples a position embedding.
  PositionResampling resampling = PositionResampling::kBicubicAntialias;
  /// In which order its classes were numbered, where `labels` do not say.
  ClassOrder class_order = ClassOrder::kOwn;
  /// Of an image tower that was trained beside one for texts: the natural logarithm of what their
  /// cosines are multiplied by, and what is added then.
  std::optional<double> logit_scale = {}, logit_bias = {};
};

}  // namespace vitrine
