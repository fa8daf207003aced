// Lists as spreadsheets and scripts write them. Files are not decoded here; more in dataset_test.

#include "models/data/csv_dataset.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "core/error.hpp"
#include "tests/files_of.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

using test::TempDir;
using Names = std::vector<std::string>;

std::shared_ptr<const Dataset> read(const TempDir& dir, const std::string& text) {
  return open_dataset("csv:" + dir.add("list.csv", text), Split::kAll);
}

TEST_CASE("csv: byte order mark, blanks, quotes and line ends", "[models][dataset]") {
  const TempDir dir;
  const auto data = read(dir,
                         "\xef\xbb\xbf"
                         "a.png, cat \r\n \"b.png\" ,\"dog, \"\"big\"\"\"\n  \n\tc d.png,cat");
  CHECK(test::files_of(*data) == Names{dir.file("a.png"), dir.file("b.png"), dir.file("c d.png")});
  CHECK(data->class_names() == Names{"cat", "dog, \"big\""});
  CHECK(data->notes().empty());
}

TEST_CASE("csv: a header is no class", "[models][dataset]") {
  const TempDir dir;
  for (const char* header : {"filename,label",
                             "\xef\xbb\xbf"
                             "image,class",
                             "\"id\",\"breed\""}) {
    const auto data = read(dir, std::string(header) + "\na.png,x\nb.png,y\n");
    CHECK(data->size() == 2);
    CHECK(data->class_names() == Names{"x", "y"});
    REQUIRE(data->notes().size() == 1);
    CHECK(data->notes()[0].find("line 1 is taken for a header") != std::string::npos);
  }
  // No header: a picture's name, a file that is there, a label that others have too.
  CHECK(read(dir, "gone.png,x\nb.png,y\n")->size() == 2);
  CHECK(read(dir, "list.csv,x\nb.png,y\n")->size() == 2);
  CHECK(read(dir, "0a1b,x\n0a1c,x\n0a1d,y\n")->size() == 3);
  CHECK(read(dir, "0a1b,x\n")->size() == 1);

  // Each list has its own.
  dir.add("train.csv", "path,label\na.png,x\nb.png,y\n");
  dir.add("test.csv", "path,label\nc.png,y\nd.png,y\n");
  const auto test = open_dataset("csv:" + dir.path(), Split::kTest);
  CHECK(test->labels() == std::vector<int32_t>{1, 1});
  CHECK(open_dataset("csv:" + dir.path(), Split::kAll)->size() == 4);
}

TEST_CASE("csv: other separators and encodings are refused by line", "[models][dataset][errors]") {
  const TempDir dir;
  const auto refused = [&](const std::string& text, const char* says) {
    CHECK_THROWS_AS(read(dir, text), FormatError);
    CHECK_THROWS_WITH(read(dir, text), Catch::Contains(says));
  };
  refused("a.png;cat\n",
          "line 1: wants FILE,LABEL, with a comma: save the list with commas, not "
          "semicolons");
  refused("a.png,cat\nb.png\tcat\n",
          "line 2: wants FILE,LABEL, with a comma: save the list with "
          "commas, not tabs");
  refused(std::string("\xff\xfe"
                      "a\0,\0x\0\n\0",
                      10),
          "line 1: UTF-16");
  refused("a.png,cat\rb.png,cat\r", "line 1: lines must end with a line feed");
  refused(",image,label\n0,a.png,cat\n", "line 1: wants FILE,LABEL, got 3 fields");
  refused("a.png,cat,\n", "got 3 fields");
  refused("# mine\na.png,cat\n", "got 1 field");
  refused("\"a.png\"x,cat\n", "line 1: text behind a quoted field");
  refused("a.png,\"cat\n", "line 1: a quote is not closed");
}

TEST_CASE("csv: the home of the user, in the list and in its name", "[models][dataset]") {
  const TempDir dir;
  const char* before = std::getenv("HOME");
  const std::string kept = before == nullptr ? "" : before;
  setenv("HOME", dir.path().c_str(), 1);
  dir.add("list.csv", "~/a.png,x\n~b.png,y\n");
  const auto data = open_dataset("csv:~/list.csv", Split::kAll);
  CHECK(test::files_of(*data) == Names{dir.file("a.png"), dir.file("~b.png")});
  CHECK_THROWS_WITH(open_dataset("folder:~/none", Split::kAll), Catch::Contains(dir.file("none")));
  if (before == nullptr) {
    unsetenv("HOME");
  } else {
    setenv("HOME", kept.c_str(), 1);
  }
}

TEST_CASE("csv: a list for each part, under all names", "[models][dataset]") {
  const TempDir dir;
  dir.add("Training.csv", "a.png,x\nb.png,y\n");
  dir.add("valid.CSV", "c.png,y\n");
  const std::string name = "csv:" + dir.path();
  CHECK(open_dataset(name, Split::kTrain)->size() == 2);
  CHECK(test::files_of(*open_dataset(name, Split::kValidation)) == Names{dir.file("c.png")});
  CHECK(test::files_of(*open_dataset(name, Split::kTest)) == Names{dir.file("c.png")});
  dir.add("test.csv", "d.png,x\ne.png,y\n");
  CHECK(open_dataset(name, Split::kTest)->size() == 2);
  CHECK(open_dataset(name, Split::kAll)->size() == 5);
  CHECK(dataset_parts(name).validation == "valid.CSV");
  CHECK(open_dataset(name, Split::kAll)->notes().empty());
  dir.add("submission.csv", "id\n");
  CHECK(open_dataset(name, Split::kAll)->notes().at(0).find("'submission.csv'") !=
        std::string::npos);
  dir.add("testing.csv", "d.png,x\n");
  CHECK_THROWS_WITH(open_dataset(name, Split::kTest),
                    Catch::Contains("both test.csv and testing.csv"));
  std::filesystem::remove(dir.file("Training.csv"));
  std::filesystem::remove(dir.file("testing.csv"));
  CHECK_THROWS_WITH(open_dataset(name, Split::kTest), Catch::Contains("no train.csv"));
  REQUIRE(mkfifo(dir.file("pipe").c_str(), 0600) == 0);
  CHECK_THROWS_WITH(open_dataset("csv:" + dir.file("pipe"), Split::kAll),
                    Catch::Contains("not a regular file"));
}

}  // namespace
}  // namespace vitrine
