#include "models/weights/export_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "models/networks/vit.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/ecosystem_names.hpp"
#include "models/weights/name_pattern.hpp"
#include "models/weights/source_facts.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// How transformers writes one model_type.
struct Writer {
  std::vector<std::span<const NameRule>> tables;
  std::string_view body;  ///< before all names but the heads'
  bool projects = false;  ///< the head is CLIP's visual_projection
};

Writer writer_of(std::string_view model_type, bool with_head, bool gated) {
  if (model_type == "clip_vision_model")
    return {{hugging_face_clip_names()}, "vision_model.", true};
  if (model_type.starts_with("siglip")) {
    return {{hugging_face_clip_names(), hugging_face_siglip_head()}, "vision_model."};
  }
  if (model_type == "dinov3_vit") return {{hugging_face_dinov3_names()}, ""};
  if (model_type == "beit") {
    return {{hugging_face_vit_names(), hugging_face_vit_blocks(), hugging_face_beit_names()},
            with_head ? "beit." : ""};
  }
  if (model_type.starts_with("dinov2")) {
    const std::string_view body = model_type == "dinov2" ? "dinov2." : "dinov2_with_registers.";
    // The first rule that fits is taken: gates before layers without.
    if (gated) {
      return {{hugging_face_vit_names(), hugging_face_gated_mlp(), hugging_face_dinov2_blocks()},
              with_head ? body : ""};
    }
    return {{hugging_face_vit_names(), hugging_face_dinov2_blocks()}, with_head ? body : ""};
  }
  // A model without a head has no prefix.
  if (model_type == "resnet") return {{hugging_face_resnet_names()}, with_head ? "resnet." : ""};
  if (model_type == "bit") return {{hugging_face_bit_names()}, with_head ? "bit." : ""};
  const std::string_view body = model_type == "deit" ? "deit." : "vit.";
  return {{hugging_face_vit_names(), hugging_face_vit_blocks()}, with_head ? body : ""};
}

bool is_head(std::string_view name) {
  return name.find("classifier") != std::string_view::npos || name.starts_with("visual_projection");
}

/// Rows `part` of `parts` of a tensor in memory.
RawTensor rows_of(const RawTensor& tensor, int part, int parts) {
  RawTensor result = tensor;
  const size_t size = tensor.bytes.size() / static_cast<size_t>(parts);
  result.bytes = tensor.bytes.subspan(static_cast<size_t>(part) * size, size);
  result.shape[0] /= parts;
  return result;
}

/// CLIP's class token is a vector, its position embedding a matrix.
void drop_leading_ones(RawTensor& tensor) {
  while (tensor.shape.size() > 1 && tensor.shape[0] == 1) tensor.shape.erase(tensor.shape.begin());
}

/// A head that timm has as a 1 x 1 convolution is a matrix.
void drop_kernel_axes(RawTensor& tensor) {
  while (tensor.shape.size() > 2 && tensor.shape.back() == 1) tensor.shape.pop_back();
}

/// PyTorch's batch norms want the number of batches that they saw, though nothing reads it.
void add_batch_count(const std::string& name, std::vector<NamedTensor>& tensors) {
  static const std::array<std::byte, sizeof(int64_t)> none{};
  constexpr std::string_view kVariance = "running_var";
  if (!name.ends_with(kVariance)) return;
  const std::string norm = name.substr(0, name.size() - kVariance.size());
  tensors.push_back({norm + "num_batches_tracked", {Dtype::kI64, {}, none}});
}

/// timm's Eva and Beit call LayerScale otherwise than VisionTransformer, whose names the tables
/// have.
std::string common_name(const std::string& name) {
  for (const char* branch : {"1", "2"}) {
    const std::string gamma = std::string("gamma_") + branch;
    if (!name.ends_with("." + gamma)) continue;
    return name.substr(0, name.size() - gamma.size()) + "ls" + branch + ".gamma";
  }
  return name;
}

/// Puts a tensor behind the others; rows of one that is there are joined to it.
void append(NamedTensor part, std::vector<NamedTensor>& tensors,
            std::deque<std::vector<std::byte>>& joined) {
  const auto found = std::ranges::find(tensors, part.name, &NamedTensor::name);
  if (found == tensors.end()) {
    tensors.push_back(std::move(part));
    return;
  }
  std::vector<std::byte>& bytes = joined.emplace_back();
  for (const RawTensor* half : {&found->tensor, &part.tensor}) {
    bytes.insert(bytes.end(), half->bytes.begin(), half->bytes.end());
  }
  found->tensor.bytes = bytes;
  found->tensor.shape[0] += part.tensor.shape[0];
}

/// DINOv2 adds positions before it puts registers in: here the class token has its position in it
/// already, so that of the file is 0.
void add_class_position(RawTensor& position, std::deque<std::vector<std::byte>>& joined) {
  const size_t row = position.bytes.size() / static_cast<size_t>(position.shape[1]);
  std::vector<std::byte>& bytes = joined.emplace_back(row, std::byte{0});
  bytes.insert(bytes.end(), position.bytes.begin(), position.bytes.end());
  position.bytes = bytes;
  ++position.shape[1];
}

/// The tensor under transformers' names: one, or three for q, k and v.
std::vector<NamedTensor> renamed(const std::string& name, const RawTensor& tensor,
                                 const Writer& writer, bool distilled) {
  std::vector<NamedTensor> result;
  const NameRule* first = nullptr;
  for (const std::span<const NameRule> table : writer.tables) {
    for (const NameRule& rule : table) {
      // A distilled DeiT calls its first head cls_classifier, everybody else classifier.
      if (rule.theirs == "classifier.*" && distilled) continue;
      // SigLIP has a classifier where CLIP has a projection.
      if (rule.theirs == "visual_projection.weight" && !writer.projects) continue;
      if (rule.ours.empty() || (first != nullptr && rule.parts != first->parts)) continue;
      if (first != nullptr && first->parts == 1) continue;
      const auto theirs = rename(name, rule.ours, rule.theirs);
      if (!theirs) continue;
      first = &rule;
      const std::string full = is_head(*theirs) ? *theirs : std::string(writer.body) + *theirs;
      result.push_back({full, rows_of(tensor, rule.part, rule.parts)});
    }
  }
  if (first == nullptr) throw UsageError(fmt::format("Hugging Face has no name for '{}'", name));
  return result;
}

bool is_zero(const Tensor& tensor) {
  return std::ranges::all_of(tensor.values(), [](float v) { return v == 0; });
}

void write_text(const fs::path& file, const std::string& text) {
  write_file_atomically(file.string(), std::as_bytes(std::span(text)));
}

}  // namespace

std::vector<std::string> save_hugging_face(const std::string& folder, const Model& model) {
  const NetworkConfig& c = model.network->network_config();
  const HuggingFaceFiles files = hugging_face_files(c, model.preprocess, model.labels);
  const auto* vit = dynamic_cast<const VitConfig*>(&c);
  const bool gated = vit != nullptr && vit->mlp != MlpKind::kPlain;
  const Writer writer = writer_of(files.model_type, c.classes > 0, gated);
  const bool clip = files.model_type == "clip_vision_model";
  const bool flat = clip || files.model_type.starts_with("siglip");
  const bool distilled = vit != nullptr && vit->distilled;
  std::vector<std::string> notes;
  std::vector<NamedTensor> tensors;
  std::deque<std::vector<std::byte>> joined;  // bytes of tensors that are put together
  model.network->visit([&](const std::string& name, const Parameter& p, Role) {
    if (clip && name == "head.bias") {  // a projection has none
      if (!is_zero(p.value)) throw UsageError("CLIP's projection has no bias: head.bias is not 0");
      notes.emplace_back("head.bias, which is zeros, is dropped");
      return;
    }
    RawTensor tensor = raw_tensor(p.value);
    if (flat && name != "attn_pool.latent") drop_leading_ones(tensor);
    if (files.model_type == "dinov2_with_registers" && name == "pos_embed") {
      add_class_position(tensor, joined);
    }
    if (name == "head.fc.weight") drop_kernel_axes(tensor);
    // DeiT's second token, which has no head in DeiTForImageClassification.
    const bool lone = files.model_type == "deit" && name == "reg_token";
    const std::string ours = lone ? "dist_token" : common_name(name);
    for (NamedTensor& part : renamed(ours, tensor, writer, distilled)) {
      add_batch_count(part.name, tensors);
      append(std::move(part), tensors, joined);
    }
  });
  if (files.model_type == "dinov3_vit" && vit->registers == 0) {  // transformers has none of them
    tensors.push_back({"embeddings.register_tokens", {Dtype::kF32, {1, 0, vit->width}, {}}});
  }
  if (clip && !model.labels.empty()) notes.emplace_back("labels are dropped");
  const Preprocess& rule = model.preprocess;
  if (rule.crop_mode != CropMode::kSquash && rule.crop_rounding == CropRounding::kEven) {
    notes.emplace_back(
        "crops: Hugging Face rounds half a pixel down, this model to even; of pictures with 3, 7, "
        "11... pixels too many along a side its processor cuts one pixel earlier");
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw IoError(folder, "cannot create: " + error.message());
  write_safetensors((fs::path(folder) / "model.safetensors").string(), tensors, {{"format", "pt"}});
  write_text(fs::path(folder) / "preprocessor_config.json", files.preprocessor);
  write_text(fs::path(folder) / "config.json", files.config);
  return notes;
}

}  // namespace vitrine
