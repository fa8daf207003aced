#include "models/inference/zero_shot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/formats/safetensors.hpp"
#include "core/text/json_text.hpp"
#include "models/data/class_names.hpp"
#include "models/inference/embeddings.hpp"
#include "models/networks/config_check.hpp"
#include "ops/binary.hpp"
#include "ops/linear.hpp"

namespace vitrine {
namespace {

constexpr const char* kEmbeddings = "embeddings";
constexpr double kMostLogScale =
    12;  // of the logarithm: 100 is exp(4.6), and often mistaken for it

class PromptsFile {
 public:
  explicit PromptsFile(const std::string& path) : file_(path) {}

  std::vector<std::string> names() const;
  /// (C, D), of length 1, for so many names and numbers of a model's embedding.
  Tensor texts(int64_t classes, int64_t width) const;
  /// A number that stands alone, if the file has it.
  std::optional<double> number(const char* name) const;
  [[noreturn]] void refuse(const std::string& what, FormatKind kind = FormatKind::kMismatch) const {
    throw FormatError(kind, file_.path(), -1, what);
  }
  /// Nothing else may be in it that could be meant to change the answer.
  void refuse_others() const;

 private:
  SafetensorsFile file_;
};

std::vector<std::string> PromptsFile::names() const {
  const auto found = file_.metadata().find("names");
  if (found == file_.metadata().end()) {
    refuse(R"(the metadata have no "names", a JSON list with a text for each embedding)");
  }
  std::vector<std::string> names;
  try {
    nlohmann::json list = parse_json(found->second);
    const Dissolved at_the_end(list);
    names = list.get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    refuse(R"("names" of the metadata is no JSON list of texts)", FormatKind::kBadHeader);
  }
  if (names.empty() || std::ssize(names) > kMaxClasses) {
    refuse(fmt::format("{} names: there must be 1 to {}", names.size(), kMaxClasses));
  }
  for (const std::string& name : names) check_class_name(name, file_.path());
  return names;
}

Tensor PromptsFile::texts(int64_t classes, int64_t width) const {
  const RawTensor* raw = file_.find(kEmbeddings);
  if (raw == nullptr) refuse("there is no tensor \"embeddings\", a row for each name");
  if (raw->shape != std::vector<int64_t>{classes, width}) {
    refuse(
        fmt::format("\"embeddings\" is {}; for {} names and this model's {} numbers it must be "
                    "({}, {})",
                    Shape(raw->shape).str(), classes, width, classes, width));
  }
  const std::vector<float> values = to_float32(*raw, kEmbeddings);
  for (int64_t i = 0; i < classes; ++i) {
    double length = 0;
    for (int64_t j = 0; j < width; ++j) {
      const double v = values[static_cast<size_t>(i * width + j)];
      length += v * v;
    }
    if (!std::isfinite(length) || length == 0) {
      refuse(fmt::format("embedding {} has no direction: it is 0 or not finite", i));
    }
  }
  return unit_length(Tensor::from(values, {classes, width}));
}

std::optional<double> PromptsFile::number(const char* name) const {
  const RawTensor* raw = file_.find(name);
  if (raw == nullptr) return std::nullopt;
  if (raw->size() != 1) refuse(fmt::format("\"{}\" must be one number", name));
  return double{to_float32(*raw, name)[0]};
}

void PromptsFile::refuse_others() const {
  for (const auto& [name, tensor] : file_.tensors()) {
    if (name == kEmbeddings || name == "logit_scale" || name == "logit_bias") continue;
    refuse(fmt::format("tensor {} is not known; known are embeddings, logit_scale and logit_bias",
                       name),
           FormatKind::kUnsupported);
  }
}

/// Numbers of what the model answers.
int64_t width_of(const Model& model) {
  const NetworkConfig& c = model.network->network_config();
  if (!model.labels.empty()) {
    throw UsageError(
        "--prompts: this model has classes of its own; it needs one that answers an embedding");
  }
  return c.classes > 0 ? c.classes : c.features();
}

}  // namespace

Tensor ZeroShot::logits(const Tensor& embeddings) const {
  const Tensor cosines = linear(unit_length(embeddings), texts, Tensor());
  Tensor y = mul(cosines, scale);
  return bias ? add(std::move(y), *bias) : y;
}

ZeroShot read_zero_shot(const std::string& path, const Model& model) {
  const int64_t width = width_of(model);
  const PromptsFile file(path);
  file.refuse_others();
  ZeroShot zero;
  zero.names = file.names();
  zero.texts = file.texts(std::ssize(zero.names), width);
  std::optional<double> log_scale = file.number("logit_scale");
  std::optional<double> bias = file.number("logit_bias");
  if (bias && !log_scale) file.refuse("\"logit_bias\" without \"logit_scale\"");
  if (!log_scale) {
    log_scale = model.logit_scale;
    bias = model.logit_bias;
  }
  if (!log_scale) {
    file.refuse(
        "neither it nor the model's weights have a \"logit_scale\": put one into it, the natural "
        "logarithm of what cosines are multiplied by");
  }
  if (!(std::abs(*log_scale) <= kMostLogScale)) {
    file.refuse(fmt::format("logit_scale is {}: it is a natural logarithm, at most {} either way",
                            *log_scale, kMostLogScale));
  }
  if (bias && !std::isfinite(*bias)) file.refuse("logit_bias is not finite");
  zero.scale = static_cast<float>(std::exp(*log_scale));
  if (bias) zero.bias = static_cast<float>(*bias);
  return zero;
}

}  // namespace vitrine
