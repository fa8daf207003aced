#include "tests/golden/compare.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace vitrine::golden {
namespace {

/// The elements that miss the tolerance, and the largest error of all.
struct Distance {
  int64_t wrong = 0;
  double error = 0;  // of `at`: the worst wrong element, or the worst one if none is wrong
  size_t at = 0;
};

double error_of(float got, float want) {
  if (std::isnan(got) && std::isnan(want)) return 0;
  if (got == want) return 0;  // infinities of the same sign too
  const double error = std::abs(static_cast<double>(got) - static_cast<double>(want));
  return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
}

Distance distance(std::span<const float> got, std::span<const float> want,
                  const Tolerance& tolerance) {
  Distance d;
  for (size_t i = 0; i < want.size(); ++i) {
    const double error = error_of(got[i], want[i]);
    const double allowed = tolerance.atol + tolerance.rtol * std::abs(static_cast<double>(want[i]));
    const bool is_wrong = error > 0 && !(error <= allowed && std::isfinite(error));
    // A wrong element counts before a right one, whose error may be larger where |want| is.
    if (is_wrong ? (d.wrong == 0 || error > d.error) : (d.wrong == 0 && error > d.error)) {
      d.error = error;
      d.at = i;
    }
    d.wrong += is_wrong ? 1 : 0;
  }
  return d;
}

/// The position of element `i` along each axis.
std::vector<int64_t> index_of(size_t i, std::span<const int64_t> shape) {
  std::vector<int64_t> index(shape.size());
  auto rest = static_cast<int64_t>(i);
  for (size_t axis = shape.size(); axis-- > 0;) {
    index[axis] = rest % shape[axis];
    rest /= shape[axis];
  }
  return index;
}

}  // namespace

Tolerance Tolerance::of(const nlohmann::json& tol, const std::string& name) {
  const nlohmann::json& record = tol.at(name);
  return {record.at("atol").get<double>(), record.at("rtol").get<double>(),
          record.value("f32_err", 0.0)};
}

std::string shape_text(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

void Result::compare(const std::string& tensor, const Values& got, const Values& want,
                     const Tolerance& tolerance) {
  if (!std::ranges::equal(got.shape, want.shape) || got.data.size() != want.data.size()) {
    fail(fmt::format("{}: shape {}, expected {}", tensor, shape_text(got.shape),
                     shape_text(want.shape)));
    return;
  }
  const Distance d = distance(got.data, want.data, tolerance);
  if (d.wrong == 0) {
    log_.push_back(fmt::format(
        "{}: largest error {:.2g}, allowed {:.2g} + {:.2g} |want|{}", tensor, d.error,
        tolerance.atol, tolerance.rtol,
        tolerance.f32_err > 0 ? fmt::format(", PyTorch's own {:.2g}", tolerance.f32_err) : ""));
    return;
  }
  const double want_at = static_cast<double>(want.data[d.at]);
  fail(
      fmt::format("{}: largest error {:.3g} at {} (got {:.9g}, want {:.9g}), allowed {:.3g}; {} of "
                  "{} elements are wrong",
                  tensor, d.error, shape_text(index_of(d.at, want.shape)), got.data[d.at], want_at,
                  tolerance.atol + tolerance.rtol * std::abs(want_at), d.wrong, want.data.size()));
}

void Result::compare(const std::string& tensor, double got, double want,
                     const Tolerance& tolerance) {
  const double error = std::abs(got - want);
  const double allowed = tolerance.atol + tolerance.rtol * std::abs(want);
  if (error <= allowed) {
    log_.push_back(fmt::format("{}: error {:.2g}, allowed {:.2g}", tensor, error, allowed));
  } else {
    fail(fmt::format("{}: error {:.3g} (got {:.9g}, want {:.9g}), allowed {:.3g}", tensor, error,
                     got, want, allowed));
  }
}

}  // namespace vitrine::golden
