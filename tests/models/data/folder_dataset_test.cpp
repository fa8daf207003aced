// Folders as people have them: parts under all their names, classes that are called like parts,
// folders in folders, links, and what else lies there. Files are not decoded here.

#include "models/data/folder_dataset.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "core/error.hpp"
#include "models/data/part_names.hpp"
#include "tests/files_of.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

/// A folder with files of these names, none of which is opened.
void add(const TempDir& dir, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    fs::create_directories(fs::path(dir.file(name)).parent_path());
    dir.add(name, "not read here");
  }
}

std::shared_ptr<const Dataset> open(const TempDir& dir, Split split) {
  return open_dataset("folder:" + dir.path(), split);
}

/// Its files, without the folder's own name.
std::vector<std::string> files(const TempDir& dir, Split split) {
  std::vector<std::string> names;
  const auto data = open(dir, split);
  for (const std::string& file : test::files_of(*data)) {
    names.push_back(file.substr(dir.path().size() + 1));
  }
  return names;
}

std::string notes(const Dataset& data) { return fmt::format("{}", fmt::join(data.notes(), "\n")); }

using Names = std::vector<std::string>;

TEST_CASE("folder: parts have many names", "[models][dataset]") {
  for (const char* name : {"val", "valid", "validation", "eval", "evaluation", "dev", "Val"}) {
    CHECK(part_named(name) == Split::kValidation);
  }
  for (const char* name : {"test", "testing", "TEST"}) CHECK(part_named(name) == Split::kTest);
  for (const char* name : {"train", "Training"}) CHECK(part_named(name) == Split::kTrain);
  for (const char* name : {"", "tests", "trains", "trai", "value"}) CHECK_FALSE(part_named(name));

  const TempDir dir;
  add(dir, {"Training/a/1.png", "Training/b/2.png", "valid/a/3.png", "Testing/b/4.png"});
  CHECK(files(dir, Split::kTrain) == Names{"Training/a/1.png", "Training/b/2.png"});
  CHECK(files(dir, Split::kValidation) == Names{"valid/a/3.png"});
  CHECK(files(dir, Split::kTest) == Names{"Testing/b/4.png"});
  CHECK(files(dir, Split::kAll) ==
        Names{"Training/a/1.png", "Training/b/2.png", "valid/a/3.png", "Testing/b/4.png"});
  const DatasetParts parts = dataset_parts("folder:" + dir.path());
  CHECK((parts.train == "Training" && parts.validation == "valid" && parts.test == "Testing"));
  // A class that nobody judges is said.
  CHECK(open(dir, Split::kTest)->classes() == 2);
  fs::create_directories(dir.file("Testing/a"));
  CHECK(notes(*open(dir, Split::kTest)).find("no pictures of 'a'") != std::string::npos);

  add(dir, {"val/a/5.png"});
  CHECK_THROWS_WITH(open(dir, Split::kTrain), Catch::Contains("both val and valid are there"));
}

TEST_CASE("folder: the validation part is the test part where there is no other",
          "[models][dataset]") {
  const TempDir dir;
  add(dir, {"train/a/1.png", "train/b/2.png", "validation/b/3.png"});
  CHECK(files(dir, Split::kTrain).size() == 2);
  CHECK(files(dir, Split::kValidation) == files(dir, Split::kTest));
  CHECK(notes(*open(dir, Split::kTest)).find("validation takes its place") != std::string::npos);
  CHECK(open(dir, Split::kTrain)->notes().empty());
  fs::remove_all(dir.file("validation"));
  CHECK(open(dir, Split::kValidation) == nullptr);
}

TEST_CASE("folder: a class may be called like a part", "[models][dataset]") {
  const TempDir dir;
  add(dir, {"bus/1.png", "car/2.png", "train/3.png", "test/4.png"});
  CHECK(open(dir, Split::kAll)->class_names() == Names{"bus", "car", "test", "train"});
  CHECK(open(dir, Split::kAll)->size() == 4);
  CHECK(open(dir, Split::kValidation) == nullptr);
  // Nothing but parts, and no classes in them.
  fs::remove_all(dir.file("bus"));
  fs::remove_all(dir.file("car"));
  CHECK_THROWS_WITH(open(dir, Split::kAll), Catch::Contains("test and train holds pictures"));
}

TEST_CASE("folder: what may mean two things is refused", "[models][dataset][errors]") {
  const TempDir dir;
  add(dir, {"bus/1.png", "car/2.png", "train/2021/3.png"});
  CHECK_THROWS_WITH(open(dir, Split::kTrain),
                    Catch::Contains("is train a part or a class? 'bus' "));
  CHECK(open_dataset("folder:" + dir.file("train"), Split::kAll)->class_names() == Names{"2021"});
  // Beside two parts it is neither.
  add(dir, {"test/2021/4.png"});
  CHECK(open(dir, Split::kTrain)->class_names() == Names{"2021"});
  CHECK(notes(*open(dir, Split::kTrain)).find("no parts: 'bus' and 'car'") != std::string::npos);
  // Pictures of no class.
  add(dir, {"val/5.png", "6.png"});
  CHECK(notes(*open(dir, Split::kTrain)).find("val: it holds pictures") != std::string::npos);
  CHECK(notes(*open(dir, Split::kTrain)).find("1 pictures beside") != std::string::npos);
  fs::remove_all(dir.file("train"));
  CHECK_THROWS_WITH(open(dir, Split::kTest), Catch::Contains("is test a part or a class?"));
  fs::remove_all(dir.file("bus"));
  fs::remove_all(dir.file("car"));
  CHECK_THROWS_WITH(open(dir, Split::kTrain), Catch::Contains("no train folder"));
  CHECK(open(dir, Split::kTest)->class_names() == Names{"2021"});
}

TEST_CASE("folder: folders in folders, other endings, and what is passed over",
          "[models][dataset]") {
  const TempDir dir;
  add(dir,
      {"cat/b.JPE", "cat/a.jfif", "cat/2021/c.Png", "cat/2021/deep/er/d.jpeg", "cat/2020/e.jpg",
       "dog/f.jpg", "cat/.DS_Store", "cat/._a.jpg", "cat/.checkpoints/g.png", "dog/Thumbs.db",
       "dog/h.webp", "dog/2021/i.webp", "cat/README", "cat/x.a-b", "notes.txt"});
  CHECK(files(dir, Split::kAll) == Names{"cat/a.jfif", "cat/b.JPE", "cat/2020/e.jpg",
                                         "cat/2021/c.Png", "cat/2021/deep/er/d.jpeg", "dog/f.jpg"});
  const std::string said = notes(*open(dir, Split::kAll));
  CHECK(said == fmt::format("{0}: passed over: 1 .txt\n{0}: passed over: 3 hidden, 2 .webp, 1 .db, "
                            "1 of other kinds, 1 without an extension\n"
                            "{0}: 3 of 6 pictures lie in folders inside that of their class",
                            dir.path()));
  add(dir, {"emu/j.webp", "emu/k.webp"});
  CHECK_THROWS_WITH(open(dir, Split::kTrain),
                    Catch::Contains("in this class; passed over: 2 .webp"));
  CHECK(notes(*open(dir, Split::kAll)).find("no pictures of 'emu'") != std::string::npos);
}

TEST_CASE("folder: one class that is a folder of classes is not learned", "[models][dataset]") {
  const TempDir dir;
  add(dir, {"images/cat/1.png", "images/dog/2.png"});
  CHECK_THROWS_WITH(open(dir, Split::kTrain),
                    Catch::Contains("its one class 'images' holds folders") &&
                        Catch::Contains(":" + dir.file("images")));
  CHECK(open(dir, Split::kAll)->size() == 2);
  CHECK(open_dataset("folder:" + dir.file("images"), Split::kAll)->classes() == 2);
}

TEST_CASE("folder: links are followed, loops end, pipes are not opened", "[models][dataset]") {
  const TempDir dir;
  const TempDir elsewhere;
  add(elsewhere, {"x/1.png", "y.png"});
  add(dir, {"a/2.png", "b/3.png"});
  fs::create_directory_symlink(elsewhere.file("x"), dir.file("linked"));
  fs::create_directory_symlink(elsewhere.file("x"), dir.file("a/x"));
  fs::create_directory_symlink(elsewhere.file("x"), dir.file("a/x-again"));
  fs::create_directory_symlink("..", dir.file("a/up"));
  fs::create_directory_symlink("/", dir.file("a/all"));
  fs::create_directory_symlink(".", dir.file("b/self"));
  fs::create_directory_symlink("../..", elsewhere.file("x/up"));
  fs::create_symlink(elsewhere.file("y.png"), dir.file("b/y.png"));
  fs::create_symlink("nowhere.png", dir.file("b/z.png"));
  REQUIRE(mkfifo(dir.file("b/pipe.png").c_str(), 0600) == 0);
  Names found = files(dir, Split::kAll);
  std::ranges::replace(found, Names::value_type("a/x-again/1.png"), "a/x/1.png");
  CHECK(found == Names{"a/2.png", "a/x/1.png", "b/3.png", "b/y.png", "linked/1.png"});
  const std::string said = notes(*open(dir, Split::kAll));
  CHECK(said.find("links to folders met before") != std::string::npos);
  CHECK(said.find("1 not regular files") != std::string::npos);
  CHECK(said.find("1 broken links") != std::string::npos);
}

TEST_CASE("folder: classes have one order, and the split off test part stays as it was",
          "[models][dataset]") {
  const TempDir dir;
  std::string list;
  for (int c = 11; c >= 0; --c) {
    for (int i = 0; i < 10; ++i) {
      const std::string name = fmt::format("{}/{}.png", c, i);
      add(dir, {name});
      list += fmt::format("{},{}\n", name, c);
    }
  }
  const auto all = open(dir, Split::kAll);
  CHECK(all->class_names() == Names{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"});
  CHECK(all->class_names() ==
        open_dataset("csv:" + dir.add("all.csv", list), Split::kAll)->class_names());
  for (int64_t i = 0; i < all->size(); ++i) {
    const auto at = static_cast<size_t>(i);
    const std::string label =
        fs::path(all->file(static_cast<int64_t>(at))).parent_path().filename().string();
    CHECK(all->class_names()[static_cast<size_t>(all->labels()[at])] == label);
  }
  // By the program before classes were sorted as numbers.
  CHECK(files(dir, Split::kTest) == Names{"0/9.png", "1/0.png", "10/7.png", "11/8.png", "2/0.png",
                                          "3/8.png", "4/7.png", "5/8.png", "6/6.png", "7/1.png",
                                          "8/9.png", "9/3.png"});
}

}  // namespace
}  // namespace vitrine
