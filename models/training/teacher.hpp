#pragma once

#include <string>
#include <vector>

#include "models/weights/model.hpp"

namespace vitrine {

/// A trained network that another one learns from. It sees the pictures of the student's batch,
/// with all that augmentation and mixing have done to them, normalised as its own weights have
/// learned to see: for each channel, of mean m and deviation s, x s / s' + (m - m') / s'. Grey
/// pictures are shown to a network of colours as RGB, colours to one of grey as their luma; another
/// size is reached by bilinear interpolation (align_corners false, no antialiasing). Its classes
/// are the student's by name; where one of them does not know the names, by their order, which is
/// said.
class Teacher {
 public:
  /// Loads what find_model(name) finds and freezes it. Throws UsageError if there is nothing, or it
  /// has other classes than the student, in name or number; else what load_model throws.
  Teacher(const std::string& name, const Model& student);

  /// images (B, H, W, C), normalised for the student -> logits (B, classes). Throws Error if one is
  /// not finite. Records nothing unless there is a tape.
  Tensor logits(const Tensor& images) const;

  /// Sixteen digits that follow from configuration, preprocessing and weights.
  const std::string& fingerprint() const { return fingerprint_; }
  const std::string& held_out() const { return model_.held_out; }
  /// What people should know: what was decided on reading it, what is done to its pictures, whether
  /// the names of its classes are known. A line each.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void match_classes_of(const Model& student);
  Tensor pictures_of(const Tensor& images) const;

  std::string name_;
  Model model_;
  std::string fingerprint_;
  std::vector<std::string> notes_;
  // What the student's pixels are multiplied by and what is added: undefined if they stay.
  Tensor scale_, shift_;  // (C of the student, or of the teacher)
  bool to_grey_ = false;
};

/// What several teachers say together: the logarithms of the sum of their probabilities, to softmax
/// those of the mean. One answers for itself; none: undefined.
///   images (B, H, W, C), normalised for the student -> (B, classes)
/// Source: Hinton et al. 2015, arXiv 1503.02531, which distils an ensemble so.
Tensor logits_of(const std::vector<Teacher>& teachers, const Tensor& images);

}  // namespace vitrine
