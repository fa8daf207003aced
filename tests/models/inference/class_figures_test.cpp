// Precision, recall and F1 of classes. The numbers are scikit-learn's (classification_report with
// zero_division=0 on the same matrix).

#include "models/inference/class_figures.hpp"

#include <catch2/catch.hpp>

namespace vitrine {
namespace {

// Four classes; nothing is taken for the second, the last does not occur at all.
const std::vector<int64_t> confusion = {5, 0, 1,  0,  //
                                        2, 0, 1,  0,  //
                                        0, 0, 11, 0,  //
                                        0, 0, 0,  0};

TEST_CASE("class figures: precision, recall, F1, support", "[models]") {
  const std::vector<ClassFigures> c = class_figures(confusion, 4);
  REQUIRE(c.size() == 4);
  CHECK(c[0].support == 6);
  CHECK(c[0].predicted == 7);
  CHECK(c[0].precision() == Approx(5.0 / 7));
  CHECK(c[0].recall() == Approx(5.0 / 6));
  CHECK(c[0].f1() == Approx(10.0 / 13));
  CHECK((c[1].precision() == 0 && c[1].recall() == 0 && c[1].f1() == 0 && c[1].occurs()));
  CHECK(c[2].precision() == Approx(11.0 / 13));
  CHECK(c[2].recall() == 1);
  CHECK_FALSE(c[3].occurs());

  const MeanFigures macro = macro_mean(c);
  CHECK(macro.precision == Approx(0.5201465201465201));
  CHECK(macro.recall == Approx(0.6111111111111112));
  CHECK(macro.f1 == Approx(0.561965811965812));
  const MeanFigures weighted = weighted_mean(c);
  CHECK(weighted.precision == Approx(0.6796703296703297));
  CHECK(weighted.recall == Approx(0.8));
  CHECK(weighted.f1 == Approx(0.7349358974358975));
  CHECK(macro_mean({}).f1 == 0);
}

}  // namespace
}  // namespace vitrine
