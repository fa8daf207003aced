#include "apps/figures/curves.hpp"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <set>

#include "apps/drawing/chart.hpp"
#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/training/metrics_file.hpp"
#include "models/training/run.hpp"

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
  double epochs = 0, steps = 0;  // whole epochs, and steps until the end of the last
};

/// x counts epochs: the line of a whole epoch's end is at 1, 2, ... The steps of an epoch are known
/// once the line of its end has come, so positions are given as steps first.
void add_line(Curves& c, const json& line) {
  const double step = line.at("step");
  if (!line.contains("top1")) {
    ++c.epochs;
    c.steps = step;
  }
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

Curves read_curves(const std::string& folder) {
  const std::string path = folder + "/metrics.jsonl";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    throw IoError(path, "cannot read; is this a run's folder?");
  }
  const int64_t least = Run::checkpoint_lines(folder);  // before the lines: the run may go on
  Curves curves;
  int64_t number = 0;
  for (const std::string& line : read_metrics(path, least)) {
    ++number;
    try {
      add_line(curves, parse_json(line));
    } catch (const json::exception&) {
      throw FormatError(FormatKind::kBadHeader, path, -1,
                        fmt::format("line {} is not a line of metrics", number));
    }
  }
  return curves;
}

/// Turns the x of the curves from steps into epochs, if one is whole; the axis of what they are.
Axis in_epochs(Curves& c) {
  const bool whole_epochs = c.epochs > 0;
  const double steps_per_epoch = whole_epochs ? c.steps / c.epochs : 1;
  for (Series* s : {&c.loss, &c.accuracy, &c.validation_loss, &c.validation_accuracy}) {
    for (double& x : s->x) x /= steps_per_epoch;
  }
  return {whole_epochs ? "epoch" : "step", false, false};
}

Image loss_and_accuracy(const Axis& x, std::vector<Series> loss, std::vector<Series> accuracy,
                        const std::string& of) {
  const std::array<Chart, 2> charts = {
      Chart{"Loss" + of, x, {"cross-entropy", false, false}, std::move(loss)},
      Chart{"Accuracy" + of, x, {"top-1, %", false, false}, std::move(accuracy)}};
  return draw_charts(charts, kWidth, kHeight);
}

/// The last parts of the paths; the paths as they were given if two of those are the same.
std::vector<std::string> names_of(std::span<const std::string> runs) {
  std::vector<std::string> names;
  for (const std::string& run : runs) {
    names.push_back(std::filesystem::path(run + "/").lexically_normal().parent_path().filename());
  }
  const std::set<std::string> distinct(names.begin(), names.end());
  return distinct.size() == names.size() ? names
                                         : std::vector<std::string>(runs.begin(), runs.end());
}

}  // namespace

Image draw_curves(const std::string& run) {
  Curves c = read_curves(run);
  const Axis x = in_epochs(c);
  return loss_and_accuracy(x, {c.loss, c.validation_loss}, {c.accuracy, c.validation_accuracy}, "");
}

Image compare_curves(std::span<const std::string> runs) {
  const std::vector<std::string> names = names_of(runs);
  std::vector<Series> loss, accuracy;
  for (const std::string& run : runs) {
    Curves c = read_curves(run);
    in_epochs(c);
    c.validation_loss.name = c.validation_accuracy.name = names[loss.size()];
    loss.push_back(std::move(c.validation_loss));
    accuracy.push_back(std::move(c.validation_accuracy));
  }
  return loss_and_accuracy({"epoch", false, false}, std::move(loss), std::move(accuracy),
                           " on the validation part");
}

}  // namespace vitrine
