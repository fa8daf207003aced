#include "models/training/teacher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/images/luma.hpp"
#include "core/text/json_text.hpp"
#include "models/data/class_order.hpp"
#include "models/data/class_places.hpp"
#include "models/inference/find_model.hpp"
#include "models/training/fine_tune.hpp"
#include "models/weights/load_model.hpp"
#include "models/weights/resize_model.hpp"
#include "ops/binary.hpp"
#include "ops/interpolate.hpp"
#include "ops/reduce.hpp"
#include "ops/softmax.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

// Keeps the logarithm finite where no teacher gives a class any probability.
constexpr float kImpossible = 1e-30F;

std::string fingerprint_of(const Model& model) {
  uint64_t hash = kHashStart;
  const auto add_text = [&](const std::string& text) {
    hash = fnv1a(std::as_bytes(std::span(text)), hash);
  };
  add_text(write_json(model.network->network_config().to_json()));
  // Not how files are read: a teacher gets the student's pictures.
  nlohmann::json seen = model.preprocess.to_json();
  seen.erase("exif");
  add_text(write_json(seen));
  model.network->visit([&](const std::string& name, Parameter& p, Role) {
    add_text(name);
    hash = fnv1a(std::as_bytes(p.value.values()), hash);
  });
  return fmt::format("{:016x}", hash);
}

Tensor floats(const std::vector<double>& values) {
  const std::vector<float> rounded(values.begin(), values.end());
  return Tensor::from(rounded, {static_cast<int64_t>(rounded.size())});
}

}  // namespace

Teacher::Teacher(const std::string& name, const Model& student)
    : name_(name), model_(load_model(find_model(name))) {
  fit_to_pictures(model_);
  const NetworkConfig& config = model_.network->network_config();
  const NetworkConfig& wanted = student.network->network_config();
  if (config.classes != wanted.classes) {
    throw UsageError(fmt::format("teacher {} has {} classes, the student {}: they must be the same",
                                 name, config.classes, wanted.classes));
  }
  fingerprint_ = fingerprint_of(model_);
  notes_ = model_.notes;

  const Preprocess& from = student.preprocess;
  const Preprocess& to = model_.preprocess;
  to_grey_ = to.channels < from.channels;
  if (from.mean != to.mean || from.stddev != to.stddev) {
    std::vector<double> scale;
    std::vector<double> shift;
    const auto channels = static_cast<size_t>(std::max(from.channels, to.channels));
    for (size_t c = 0; c < channels; ++c) {
      const size_t i = from.channels == 1 ? 0 : c;
      const size_t j = to.channels == 1 ? 0 : c;
      const double weight = to_grey_ ? static_cast<double>(kLuma[c]) / kLumaWhole : 1;
      scale.push_back(weight * from.stddev[i] / to.stddev[j]);
      shift.push_back((from.mean[i] - to.mean[j]) * weight / to.stddev[j]);
    }
    if (to_grey_) shift = {shift[0] + shift[1] + shift[2]};
    scale_ = floats(scale);
    shift_ = floats(shift);
    notes_.push_back("the teacher's pictures are normalised with its own mean and deviation");
  }
  if (config.image_height != wanted.image_height || config.image_width != wanted.image_width) {
    notes_.push_back(fmt::format(
        "the teacher's pictures are resized from {} x {} to {} x {} pixels (bilinear)",
        wanted.image_height, wanted.image_width, config.image_height, config.image_width));
  }
  match_classes_of(student);
  model_.network->freeze();
}

void Teacher::match_classes_of(const Model& student) {
  if (model_.labels == student.labels) return;
  const ClassPlaces places = find_classes(student.labels, model_.labels);
  const auto nameless = [](const Model& model) {
    return model.labels.empty() || are_numbers(model.labels) || are_placeholders(model.labels);
  };
  if (!student.labels.empty() && places.complete()) {
    permute_classes(*model_.network, places.at);
    model_.labels = student.labels;
  } else if (nameless(model_) || nameless(student)) {
    notes_.push_back(fmt::format(
        "{} does not say what its classes are called: those of teacher and student are taken for "
        "the same, in their order",
        nameless(model_) ? "the teacher" : "the student"));
  } else {
    const std::string which = places.unknown.empty()
                                  ? "more than one class " + quoted_names(places.twice)
                                  : "no class " + quoted_names(places.unknown);
    throw UsageError(fmt::format("teacher {} has {}, which the student learns; it has {}", name_,
                                 which, quoted_names(model_.labels)));
  }
}

Tensor Teacher::pictures_of(const Tensor& images) const {
  Tensor x = images;
  if (scale_.defined()) {
    x = mul(std::move(x), scale_);
    if (to_grey_) x = sum(x, {-1}, true);
    x = add(std::move(x), shift_);
  }
  const NetworkConfig& config = model_.network->network_config();
  if (x.dim(1) == config.image_height && x.dim(2) == config.image_width) return x;
  return interpolate(x, {config.image_height, config.image_width});
}

Tensor Teacher::logits(const Tensor& images) const {
  Tensor logits = (*model_.network)(pictures_of(images));
  if (!std::ranges::all_of(logits.values(), [](float v) { return std::isfinite(v); })) {
    throw Error(
        fmt::format("teacher {}: its answers are not finite; look at it with vitrine eval", name_));
  }
  return logits;
}

Tensor logits_of(const std::vector<Teacher>& teachers, const Tensor& images) {
  if (teachers.empty()) return {};
  if (teachers.size() == 1) return teachers.front().logits(images);
  Tensor probabilities;
  for (const Teacher& teacher : teachers) {
    Tensor p = softmax(teacher.logits(images), -1);
    probabilities = probabilities.defined() ? add(std::move(probabilities), p) : std::move(p);
  }
  return log(add(std::move(probabilities), kImpossible));
}

}  // namespace vitrine
