#include "apps/curves.hpp"

#include <fmt/format.h>

#include <array>
#include <fstream>

#include "apps/chart.hpp"
#include "core/error.hpp"
#include "core/json_text.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr int64_t kWidth = 1280;
constexpr int64_t kHeight = 480;

struct Curves {
  Series loss{"training", {}, {}};
  Series accuracy{"training", {}, {}};
  Series validation_loss{"validation", {}, {}};
  Series validation_accuracy{"validation", {}, {}};
};

/// x counts epochs: the line of a whole epoch's end is at 1, 2, ... The steps of an epoch are known
/// once its validation line has come, so positions are given as steps first.
void add_line(Curves& c, const json& line) {
  const double step = line.at("step");
  if (line.contains("validation_top1")) {
    c.validation_loss.x.push_back(step);
    c.validation_loss.y.push_back(line.at("validation_loss"));
    c.validation_accuracy.x.push_back(step);
    c.validation_accuracy.y.push_back(100 * line.at("validation_top1").get<double>());
  } else if (line.contains("top1")) {
    c.loss.x.push_back(step);
    c.loss.y.push_back(line.at("loss"));
    c.accuracy.x.push_back(step);
    c.accuracy.y.push_back(100 * line.at("top1").get<double>());
  }
}

Curves read_curves(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw IoError(path, "cannot read; is this a run's folder?");
  Curves curves;
  std::string text;
  for (int64_t number = 1; std::getline(in, text); ++number) {
    try {
      add_line(curves, parse_json(text));
    } catch (const json::exception&) {
      throw FormatError(FormatKind::kBadHeader, path, -1,
                        fmt::format("line {} is not a line of metrics", number));
    }
  }
  return curves;
}

}  // namespace

Image draw_curves(const std::string& metrics_path) {
  Curves c = read_curves(metrics_path);
  const bool whole_epochs = !c.validation_loss.x.empty();
  const double steps_per_epoch =
      whole_epochs ? c.validation_loss.x.back() / static_cast<double>(c.validation_loss.x.size())
                   : 1;
  for (Series* s : {&c.loss, &c.accuracy, &c.validation_loss, &c.validation_accuracy}) {
    for (double& x : s->x) x /= steps_per_epoch;
  }
  const Axis x{whole_epochs ? "epoch" : "step", false, false};
  const std::array<Chart, 2> charts = {
      Chart{"Loss", x, {"cross-entropy", false, false}, {c.loss, c.validation_loss}},
      Chart{"Accuracy", x, {"top-1, %", false, false}, {c.accuracy, c.validation_accuracy}}};
  return draw_charts(charts, kWidth, kHeight);
}

}  // namespace vitrine
