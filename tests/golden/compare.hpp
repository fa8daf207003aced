#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.hpp"

namespace vitrine::golden {

/// A value passes if |got - want| <= atol + rtol |want|. NaN equals NaN, and an infinity equals the
/// one of the same sign.
struct Tolerance {
  double atol = 0;
  double rtol = 0;
  double f32_err = 0;  ///< PyTorch's own error in float32, for information; 0 if not known

  /// The record `name` of a manifest's "tol". Throws if there is none.
  static Tolerance of(const nlohmann::json& tol, const std::string& name);
};

/// Float32 values and their shape, of any rank. Does not own them.
struct Values {
  std::span<const float> data;
  std::span<const int64_t> shape;

  Values(std::span<const float> d, std::span<const int64_t> s) : data(d), shape(s) {}
  Values(const Tensor& tensor)  // NOLINT: a tensor is values
      : data(tensor.values()), shape(tensor.shape().dims()) {}
};

/// What one case's comparisons gave.
class Result {
 public:
  /// Shapes must be the same, and every element within the tolerance.
  void compare(const std::string& tensor, const Values& got, const Values& want,
               const Tolerance& tolerance);
  void compare(const std::string& tensor, double got, double want, const Tolerance& tolerance);
  /// Notes a failure if `condition` does not hold.
  void expect(bool condition, const std::string& failure) {
    if (!condition) fail(failure);
  }
  void fail(const std::string& failure) { failures_.push_back(failure); }
  /// Notes a part of the case that Vitrine does not offer.
  void skip(const std::string& feature) { skipped_.push_back(feature); }

  const std::vector<std::string>& skipped() const { return skipped_; }
  const std::vector<std::string>& failures() const { return failures_; }
  /// A line for each comparison, whatever came out.
  const std::vector<std::string>& log() const { return log_; }

 private:
  std::vector<std::string> failures_;
  std::vector<std::string> skipped_;
  std::vector<std::string> log_;
};

/// "[2, 197, 768]"
std::string shape_text(std::span<const int64_t> shape);

}  // namespace vitrine::golden
