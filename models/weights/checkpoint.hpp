#pragma once

#include <string>
#include <vector>

#include "core/formats/safetensors.hpp"
#include "core/formats/tensor_archive.hpp"
#include "models/weights/model.hpp"

namespace vitrine {

/// The newest version of files that this program reads and writes; a file with a newer one is
/// refused. Only files with weights in int8 or bf16 are of version 2.
inline constexpr int kFormatVersion = 2;
inline constexpr int kFloatFormatVersion = 1;
/// In what the weights of a file are kept, if not in f32.
inline constexpr const char* kPrecisionKey = "vitrine.precision";

/// The metadata of a model file: "vitrine.format", "vitrine.config", "vitrine.preprocess",
/// "vitrine.labels", the last three as JSON, "vitrine.position_resampling" unless that is timm's,
/// "vitrine.class_order" ("natural") of a model from timm without labels,
/// "vitrine.precision" of one in int8 or bf16 (save_quantized), and "vitrine.held_out" of a trained
/// model. No times, thread counts, paths or host names: the
/// same training gives the same bytes.
Metadata model_metadata(const Model& model);

/// `tensor` as a file holds it, pointing into its storage.
RawTensor raw_tensor(const Tensor& tensor);

/// The model's tensors under timm's names, in the order of visit.
std::vector<NamedTensor> model_tensors(const Model& model);

/// Writes weights, buffers and metadata (safetensors, atomically). Throws IoError.
void save_model(const std::string& path, const Model& model);

/// The metadata of a file of this program under a key. Throws FormatError(kMismatch) if there are
/// none.
const std::string& require_metadata(const TensorArchive& archive, const std::string& key);

/// Whether this program wrote the file; else another one did (models/weights/import_model.hpp).
bool is_own_file(const TensorArchive& archive);

/// Reads what describes a model in a file of this program; the network's weights are not
/// initialised. Throws FormatError if the file is no model, or is newer than this program.
Model read_model_description(const TensorArchive& archive);

}  // namespace vitrine
