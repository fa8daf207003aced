#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/formats/safetensors.hpp"
#include "models/data/class_order.hpp"
#include "models/data/preprocess.hpp"
#include "models/networks/network.hpp"
#include "models/networks/position_resampling.hpp"

namespace vitrine {

/// The version of the files that this program writes; a file with a newer one is refused.
inline constexpr int kFormatVersion = 1;

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
};

/// The metadata of a model file: "vitrine.format", "vitrine.config", "vitrine.preprocess",
/// "vitrine.labels", the last three as JSON, "vitrine.position_resampling" unless that is timm's,
/// "vitrine.class_order" ("natural") of a model from timm without labels,
/// and "vitrine.held_out" of a trained model. No times, thread counts, paths or host names: the
/// same training gives the same bytes.
Metadata model_metadata(const Model& model);

/// `tensor` as a file holds it, pointing into its storage.
RawTensor raw_tensor(const Tensor& tensor);

/// The model's tensors under timm's names, in the order of visit.
std::vector<NamedTensor> model_tensors(const Model& model);

/// Writes weights, buffers and metadata (safetensors, atomically). Throws IoError.
void save_model(const std::string& path, const Model& model);

/// Which weights of a run's folder are meant.
enum class RunWeights {
  kBest,  ///< of the best epoch: model.safetensors
  kLast,  ///< those that the run would go on with: of its checkpoint, their average if it has one
};
inline constexpr EnumNames<RunWeights, 2> kRunWeights = {
    {{RunWeights::kBest, "best"}, {RunWeights::kLast, "last"}}};

/// Reads a model: a file of this program, or weights of another (models/weights/import_model.hpp)
/// in any format of core/formats/tensor_archive.hpp; of a folder, the first that it has of
/// model.safetensors, checkpoint.safetensors, pytorch_model.bin and their indices. Throws IoError,
/// and FormatError if the file is no model, is newer than this program, or its tensors do not fit
/// its configuration. kLast is for a run's folder alone, else UsageError.
Model load_model(const std::string& path, RunWeights weights = RunWeights::kBest);

/// What a frozen model is for.
enum class Use {
  /// Matrices are packed as they are read, so that there is never more than one of them in memory
  /// twice.
  kOften,
  /// One forward pass: matrices that are float32 and whole in the file stay there (borrowed), since
  /// packing costs more than it gains in one pass. The answers are the same bits; a second pass
  /// packs. If the file is cut short while the model lives, the system sends SIGBUS
  /// (core/formats/file.hpp), so this is not for one that stays, nor for libraries.
  kOnce,
};

/// load_model, and the network frozen.
Model load_frozen_model(const std::string& path, Use use = Use::kOften,
                        RunWeights weights = RunWeights::kBest);

/// The model's file behind `path`: itself, or the one in the folder. Throws IoError if there is
/// none.
std::string model_file(const std::string& path);

/// Reads what describes a model; the network's weights are not initialised.
Model read_model_description(const SafetensorsFile& file);

/// Copies weights into `network` from tensors of the same names. Throws FormatError (mismatch) that
/// lists what is missing, extra, or of another shape; names that start with one of `ignored` are
/// not extra, nor are PyTorch's counts of batches, which nothing reads. `frozen` as load_parameter.
/// `preferred`: a tensor with this before its name takes the place of the one without.
void load_weights(Network& network, const SafetensorsFile& file,
                  const std::vector<std::string>& ignored = {}, std::optional<Use> frozen = {},
                  const std::string& preferred = "");

/// Where the values of a parameter come from.
struct ParameterSource {
  std::function<void(std::span<float>)> write;  ///< fills them in
  /// The one tensor in a file that holds them all, in the parameter's order; null if there is none.
  const RawTensor* whole = nullptr;
  const MappedFile* file = nullptr;  ///< that its bytes lie in, if they do
};

/// Gives a parameter its values. If its network will be frozen (`frozen` says for what), a matrix
/// is packed or borrowed at once.
void load_parameter(Parameter& parameter, Role role, std::optional<Use> frozen,
                    const ParameterSource& source);

}  // namespace vitrine
