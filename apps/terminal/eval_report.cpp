#include "apps/terminal/eval_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "apps/terminal/screen_column.hpp"
#include "core/screen_text.hpp"
#include "models/inference/class_figures.hpp"
#include "models/inference/confused_pairs.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr size_t kShownClasses = 20;
constexpr size_t kShownPairs = 10;
constexpr size_t kShownMistakes = 10;
constexpr size_t kRecordedPairs = 100;
constexpr int kNameColumns = 40;  // what four columns of numbers leave of 80
constexpr int kPairColumns = 27;  // two names and what stands around them

std::string row(const std::string& name, int64_t images, double precision, double recall,
                double f1) {
  return fmt::format("{}{:>8}{:>9.2f} %{:>8.2f} %{:>8.2f} %\n", screen_column(name, kNameColumns),
                     images, 100 * precision, 100 * recall, 100 * f1);
}

/// The classes that a table shows: in their order, or the worst first.
std::vector<size_t> shown_classes(const std::vector<ClassFigures>& figures, bool all) {
  std::vector<size_t> shown;
  for (size_t c = 0; c < figures.size(); ++c) {
    if (figures[c].occurs()) shown.push_back(c);
  }
  if (all || shown.size() <= kShownClasses) return shown;
  std::ranges::stable_sort(shown, {}, [&](size_t c) { return figures[c].f1(); });
  shown.resize(kShownClasses);
  return shown;
}

std::string table(const std::vector<ClassFigures>& figures, const Dataset& data, bool all) {
  std::string text =
      fmt::format("{}{:>8}{:>11}{:>10}{:>10}\n", screen_column("class", kNameColumns), "images",
                  "precision", "recall", "F1");
  const std::vector<size_t> shown = shown_classes(figures, all);
  for (const size_t c : shown) {
    const ClassFigures& f = figures[c];
    text += row(screen_text(data.class_names()[c]), f.support, f.precision(), f.recall(), f.f1());
  }
  const auto occurring = std::ranges::count_if(figures, &ClassFigures::occurs);
  if (static_cast<size_t>(occurring) > shown.size()) {
    text += fmt::format("the {} worst of {} classes by F1; --all-classes shows them all\n",
                        shown.size(), occurring);
  }
  const MeanFigures macro = macro_mean(figures);
  const MeanFigures weighted = weighted_mean(figures);
  text += row("mean of the classes", data.size(), macro.precision, macro.recall, macro.f1);
  text +=
      row("mean of the pictures", data.size(), weighted.precision, weighted.recall, weighted.f1);
  return text;
}

std::string cut(const std::string& name, int columns) {
  const std::string text = screen_text(name);
  return screen_width(text) <= columns ? text : screen_column(text, columns);
}

}  // namespace

std::string class_report(const Evaluation& result, const Dataset& data, bool all) {
  const std::vector<std::string>& names = data.class_names();
  const auto name = [&](int64_t c) { return cut(names[static_cast<size_t>(c)], kPairColumns); };
  const std::vector<ClassFigures> figures = class_figures(result.confusion, data.classes());
  std::string text = "\n" + table(figures, data, all);
  const auto pairs = confused_pairs(result.confusion, data.classes(), kShownPairs);
  if (!pairs.empty()) text += "\nconfused most often\n";
  for (const ConfusedPair& p : pairs) {
    text +=
        fmt::format("{:>8} of {:<7} {} for {}\n", p.count, p.of, name(p.truth), name(p.prediction));
  }
  if (!result.mistakes.empty()) text += "\nworst mistakes\n";
  for (size_t i = 0; i < std::min(result.mistakes.size(), kShownMistakes); ++i) {
    const Mistake& m = result.mistakes[i];
    const std::string where =
        data.in_memory() ? fmt::format("picture {}", m.index) : screen_text(data.file(m.index));
    text += fmt::format("{:>7.2f} %  {} for {}  {}\n", 100 * m.probability, name(m.label),
                        name(m.predicted), where);
  }
  return text;
}

json class_record(const Evaluation& result, const Dataset& data) {
  const std::vector<std::string>& names = data.class_names();
  const auto name = [&](int64_t c) -> const std::string& { return names[static_cast<size_t>(c)]; };
  const std::vector<ClassFigures> figures = class_figures(result.confusion, data.classes());
  const auto mean = [](const MeanFigures& m) {
    return json{{"precision", m.precision}, {"recall", m.recall}, {"f1", m.f1}};
  };
  json record = {{"classes", json::array()},
                 {"macro", mean(macro_mean(figures))},
                 {"weighted", mean(weighted_mean(figures))},
                 {"confused", json::array()},
                 {"mistakes", json::array()}};
  for (size_t c = 0; c < figures.size(); ++c) {
    const ClassFigures& f = figures[c];
    record["classes"].push_back({{"class", names[c]},
                                 {"index", c},
                                 {"support", f.support},
                                 {"predicted", f.predicted},
                                 {"precision", f.precision()},
                                 {"recall", f.recall()},
                                 {"f1", f.f1()}});
  }
  for (const ConfusedPair& p : confused_pairs(result.confusion, data.classes(), kRecordedPairs)) {
    record["confused"].push_back(
        {{"label", name(p.truth)}, {"predicted", name(p.prediction)}, {"count", p.count}});
  }
  for (const Mistake& m : result.mistakes) {
    json mistake = {{"index", m.index},
                    {"label", name(m.label)},
                    {"predicted", name(m.predicted)},
                    {"probability", m.probability},
                    {"loss", m.loss}};
    if (!data.in_memory()) mistake["file"] = data.file(m.index);
    record["mistakes"].push_back(std::move(mistake));
  }
  return record;
}

}  // namespace vitrine
