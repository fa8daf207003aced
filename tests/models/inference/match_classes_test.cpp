// Classes of a data set and of a model are the same by name, or it is said why not.

#include "models/inference/match_classes.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "models/data/class_order.hpp"
#include "models/data/class_places.hpp"
#include "models/data/file_dataset.hpp"
#include "models/data/memory_dataset.hpp"
#include "tests/files_of.hpp"

namespace vitrine {
namespace {

using Names = std::vector<std::string>;
using Labels = std::vector<int32_t>;

/// Files with these labels; of classes by name.
std::shared_ptr<const Dataset> files(const Labels& labels, const Names& names) {
  Names paths(labels.size(), "x.png");
  return std::make_shared<const FileDataset>(paths, labels, names);
}

/// Pictures of a pixel, whose classes are numbered; named or not.
std::shared_ptr<const Dataset> numbered(const Labels& labels, const Names& names, bool named) {
  return std::make_shared<const MemoryDataset>(
      std::vector<uint8_t>(labels.size()), 1, 1, 1, labels, names,
      DatasetFacts{.names_known = named, .numbered = true});
}

MatchedDataset match(const std::shared_ptr<const Dataset>& data, const Names& model, int64_t n,
                     ClassMatch how = ClassMatch::kSome) {
  return match_classes(data, "folder:x", {n, model}, how);
}

TEST_CASE("class order: numbers by value, else code points", "[models][dataset]") {
  Names names = {"10", "9", "011", "0"};
  sort_classes(names);
  CHECK(names == Names{"0", "9", "10", "011"});
  names = {"10", "9", "b", "B", "\xc3\xa4", "class10", "class9"};
  sort_classes(names);
  CHECK(names == Names{"10", "9", "B", "b", "class10", "class9", "\xc3\xa4"});
  names = {"-1", "2", "10"};
  sort_classes(names);
  CHECK(names == Names{"-1", "10", "2"});
  CHECK(are_numbers({"0", "1", "2"}));
  CHECK_FALSE(are_numbers({"1", "2"}));
  CHECK_FALSE(are_numbers({"0", "01"}));
}

TEST_CASE("class order: timm's", "[models][dataset]") {
  Names names = {"class10", "Class9", "b", "a2b10", "a2b9", "a02b9",
                 "a",       "10",     "9", "x007",  "x07",  "2a"};
  sort_naturally(names);
  // sorted(names, key=natural_key) of timm 1.0.29; a2b9 and a02b9 are equal there, as are x007 and
  // x07.
  CHECK(names == Names{"2a", "9", "10", "a", "a02b9", "a2b9", "a2b10", "b", "Class9", "class10",
                       "x007", "x07"});
  names = {"a99999999999999999999998", "a99999999999999999999997", "a3"};
  sort_naturally(names);
  CHECK(names == Names{"a3", "a99999999999999999999997", "a99999999999999999999998"});
}

TEST_CASE("class places: by name, unless a name says too little", "[models][dataset]") {
  CHECK(find_classes({"b", "a"}, {"a", "c", "b"}).at == Labels{2, 0});
  const ClassPlaces some = find_classes({"b", "x", "c"}, {"a", "c", "b", "c"});
  CHECK(some.at == Labels{2, -1, -1});
  CHECK(some.unknown == Names{"x"});
  CHECK(some.twice == Names{"c"});
  CHECK_FALSE(some.complete());
  const Names crane = {"crane", "heron", "crane"};
  CHECK(find_classes(crane, crane).at == Labels{0, 1, 2});
  CHECK(quoted_names({}) == "none");
  CHECK(quoted_names({"a"}) == "'a'");
  CHECK(quoted_names({"a", "b", "c"}) == "'a', 'b' and 'c'");
  CHECK(quoted_names({"a", "b", "c", "d", "e"}) == "'a', 'b', 'c' and 2 more");
}

TEST_CASE("match classes: by name, in another order and with some missing", "[models][dataset]") {
  const auto data = files({0, 1, 2, 1}, {"ant", "bee", "cat"});
  CHECK(match(data, {"ant", "bee", "cat"}, 3).data == data);
  const MatchedDataset turned = match(data, {"cat", "ant", "bee"}, 3, ClassMatch::kSame);
  CHECK(turned.data->labels() == Labels{1, 2, 0, 2});
  CHECK(turned.data->class_names() == Names{"cat", "ant", "bee"});
  CHECK(test::files_of(*turned.data) == test::files_of(*data));
  CHECK(turned.notes.empty());

  const MatchedDataset part = match(data, {"dog", "cat", "ant", "bee"}, 4);
  CHECK(part.data->labels() == Labels{2, 3, 1, 3});
  REQUIRE(part.notes.size() == 1);
  CHECK(part.notes[0].find("3 of the model's 4 classes") != std::string::npos);
  // A class without pictures need not be known.
  CHECK(match(files({0, 0}, {"ant", "yak"}), {"bee", "ant"}, 2).data->labels() == Labels{1, 1});
}

TEST_CASE("match classes: what does not fit is named", "[models][dataset][errors]") {
  const auto data = files({0, 1}, {"ant", "zebra"});
  CHECK_THROWS_WITH(match(data, {"ant", "bee"}, 2),
                    Catch::Contains("no class 'zebra'; it has 'ant' and 'bee'"));
  CHECK_THROWS_AS(match(data, {"ant", "bee"}, 2), UsageError);
  CHECK_THROWS_WITH(match(data, {"ant", "zebra", "ant"}, 3),
                    Catch::Contains("more than one class 'ant'"));
  CHECK_THROWS_WITH(match(data, {"ant", "bee", "zebra"}, 3, ClassMatch::kSame),
                    Catch::Contains("there is no class 'bee', which the model has"));
  CHECK_THROWS_WITH(match(files({0, 0}, {"ant", "yak"}), {"ant", "bee"}, 2, ClassMatch::kSame),
                    Catch::Contains("no class 'yak'"));
}

TEST_CASE("match classes: where names are not known, their numbers must agree, and it is said",
          "[models][dataset]") {
  const auto said = [](const MatchedDataset& m) { return m.notes.at(0); };
  const auto named = files({0, 1}, {"ant", "bee"});
  CHECK(match(named, {}, 2).data == named);
  CHECK(said(match(named, {}, 2)).find("the model does not say") == 0);
  CHECK_THROWS_WITH(match(named, {}, 3), Catch::Contains("the model has 3 classes, data folder:x "
                                                         "has 2"));
  const auto numbers = numbered({0, 1}, {"0", "1"}, false);
  CHECK(match(numbers, {"0", "1"}, 2).notes.empty());
  CHECK(match(numbers, {"ant", "bee"}, 2).data->class_names() == Names{"ant", "bee"});
  CHECK(said(match(numbers, {"ant", "bee"}, 2)).find("the data do not say") == 0);
  CHECK_THROWS_AS(match(numbers, {"ant", "bee", "cat"}, 3), UsageError);
  // Learned before the data had names.
  const auto later = numbered({1, 0}, {"ant", "bee"}, true);
  CHECK(match(later, {"0", "1"}, 2).data->labels() == Labels{1, 0});
  CHECK(said(match(later, {"0", "1"}, 2)).find("called by numbers") != std::string::npos);
  // timm numbers folders in an order of its own, and IDX files number their classes.
  const auto many = files({0, 1, 2}, {"c1", "c10", "c2"});
  const MatchedDataset timm =
      match_classes(many, "folder:x", {3, {}, ClassOrder::kNatural}, ClassMatch::kSome);
  CHECK(timm.data->labels() == Labels{0, 2, 1});
  CHECK(said(timm).find("class 0 for 'c1', 1 for 'c2', 2 for 'c10', in timm's natural order") !=
        std::string::npos);
  const auto own = numbered({0, 1, 2}, {"c1", "c10", "c2"}, true);
  CHECK(match_classes(own, "idx:x", {3, {}, ClassOrder::kNatural}, ClassMatch::kSome).data == own);
  // transformers' names for want of any.
  CHECK(match(named, {"LABEL_0", "LABEL_1"}, 2).data == named);
  CHECK(said(match(named, {"LABEL_0", "LABEL_1"}, 2)).find("the model does not say") == 0);
  // Folders do not number their classes.
  CHECK_THROWS_WITH(match(named, {"0", "1"}, 2), Catch::Contains("no class 'ant' and 'bee'"));
  CHECK(match(files({0}, {"7"}), {"0", "1", "2", "3", "4", "5", "6", "7"}, 8).data->labels() ==
        Labels{7});
}

}  // namespace
}  // namespace vitrine
