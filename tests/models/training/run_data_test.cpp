// The pictures of a run: parts, the labels of a run that goes on, and pictures that cannot be read.

#include "models/training/run_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "core/error.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

void add(const std::string& path, bool good = true) {
  fs::create_directories(fs::path(path).parent_path());
  if (good) {
    write_png(path, Image{5, 4, 3, std::vector<uint8_t>(60)});
  } else {
    std::ofstream(path) << "this is text";
  }
}

/// `count` pictures of each class in a part.
void add_part(const TempDir& dir, const std::string& part, const std::vector<std::string>& classes,
              int count) {
  for (const std::string& name : classes) {
    for (int i = 0; i < count; ++i) add(dir.file(fmt::format("{}/{}/{}.png", part, name, i)));
  }
}

Model model_of(const std::vector<std::string>& labels) {
  VitConfig config = test::small_vit_config();
  config.classes = static_cast<int64_t>(labels.size());
  Model model = test::initialized_model(config);
  model.labels = labels;
  return model;
}

TEST_CASE("run data: a validation part of its own chooses, else one is split off", "[models]") {
  const TempDir dir;
  add_part(dir, "train", {"a", "b"}, 10);
  add_part(dir, "test", {"a", "b"}, 2);
  const std::string name = "folder:" + dir.path();
  const RunData without(name, BadPictures::kFail);
  CHECK_FALSE(without.has_validation_part());
  const RunSplit split = without.split(0.2, 3, true);
  CHECK(split.train.size() == 16);
  CHECK(split.validation.size() == 4);
  CHECK(without.validation() == without.train());

  add_part(dir, "val", {"a", "b"}, 3);
  RunData with(name, BadPictures::kFail);
  CHECK(with.validation_pictures() == 6);
  CHECK(with.split(0.2, 3, true).train.size() == 20);
  CHECK(with.split(0.2, 3, true).validation.size() == 6);
  CHECK(with.split(0.2, 3, true).held_out != split.held_out);
  CHECK(with.notes().back().find("6 pictures of val choose") != std::string::npos);
  // A run that began before there was one goes on as it began.
  with.go_on(model_of({"a", "b"}), false);
  CHECK(with.split(0.2, 3, true).validation == split.validation);
  CHECK(with.split(0.2, 3, true).held_out == split.held_out);
  fs::remove_all(dir.file("val"));
  CHECK_THROWS_WITH(RunData(name, BadPictures::kFail).go_on(model_of({"a", "b"}), true),
                    Catch::Contains("had a validation part"));
}

TEST_CASE("run data: a run that goes on keeps the order of its classes", "[models]") {
  const TempDir dir;
  const std::vector<std::string> now = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};
  const std::vector<std::string> then = {"0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9"};
  add_part(dir, "train", now, 2);
  add_part(dir, "test", now, 1);
  RunData data("folder:" + dir.path(), BadPictures::kFail);
  CHECK(data.train()->class_names() == now);
  const Model model = model_of(then);
  data.go_on(model, false);
  CHECK(data.train()->class_names() == then);
  std::vector<std::string> bad;
  for (const auto& part : {data.train(), data.test(model, bad)}) {
    for (int64_t i = 0; i < part->size(); ++i) {
      const auto at = static_cast<size_t>(i);
      CHECK(fs::path(part->file(i)).parent_path().filename() ==
            then[static_cast<size_t>(part->labels()[at])]);
    }
  }
  CHECK_THROWS_WITH(data.go_on(model_of({"a", "b"}), false), Catch::Contains("no class '0'"));
}

TEST_CASE("run data: pictures that cannot be read", "[models]") {
  const TempDir dir;
  add_part(dir, "train", {"a", "b"}, 10);
  add_part(dir, "test", {"a", "b"}, 2);
  const std::string name = "folder:" + dir.path();
  const RunSplit whole = RunData(name, BadPictures::kSkip).split(0.2, 3, true);
  add(dir.file("train/a/4.png"), false);
  add(dir.file("train/b/0.png"), false);
  add(dir.file("test/b/1.png"), false);
  const Model model = model_of({"a", "b"});

  RunData fresh(name, BadPictures::kSkip);
  fresh.leave_out_bad_pictures(3);
  CHECK(fresh.pictures() == 18);
  CHECK(fresh.bad_pictures().size() == 2);
  CHECK(fresh.split(0.2, 3, true).train.size() + fresh.split(0.2, 3, true).validation.size() == 18);
  std::vector<std::string> bad;
  CHECK(fresh.test(model, bad)->size() == 3);
  CHECK(bad.size() == 1);
  fresh.check(model);

  // One that began with them keeps its split, without them.
  RunData later(name, BadPictures::kSkip);
  later.leave_out_bad_pictures(3, 20);
  const RunSplit split = later.split(0.2, 3, true);
  CHECK(later.pictures() == 20);
  CHECK(split.held_out == whole.held_out);
  CHECK(split.train.size() + split.validation.size() == 18);
  CHECK(std::ranges::includes(whole.train, split.train));
  CHECK(std::ranges::includes(whole.validation, split.validation));

  RunData failing(name, BadPictures::kFail);
  failing.leave_out_bad_pictures(3);
  CHECK(failing.pictures() == 20);
  failing.check(model);  // the first of each part is well
  fs::remove(dir.file("test/b/1.png"));
  fs::create_symlink(dir.file("nowhere"), dir.file("test/b/1.png"));
  failing.check(model);  // not a picture any more
  add(dir.file("test/a/0.png"), false);
  CHECK_THROWS_WITH(failing.check(model), Catch::Contains("test/a/0.png"));
  fresh.check(model);
  add(dir.file("test/c/0.png"));
  CHECK_THROWS_WITH(failing.check(model), Catch::Contains("class 'c'"));
}

TEST_CASE("run data: lists whose files are not there", "[models][errors]") {
  const TempDir dir;
  add(dir.file("a.png"));
  dir.add("train.csv", "a.png,x\na.png,y\n");
  dir.add("test.csv", "a.png,x\ngone.png,x\nlost.png,y\n");
  const Model model = model_of({"x", "y"});
  CHECK_THROWS_WITH(RunData("csv:" + dir.path(), BadPictures::kFail).check(model),
                    Catch::Contains("gone.png: No such file") &&
                        Catch::Contains("1 more of 3 pictures are not there"));
  RunData("csv:" + dir.path(), BadPictures::kSkip).check(model);
}

}  // namespace
}  // namespace vitrine
