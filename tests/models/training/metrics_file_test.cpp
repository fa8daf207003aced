// The history of a run: whole lines, and none may be missing that a checkpoint counts.

#include "models/training/metrics_file.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

using Lines = std::vector<std::string>;

TEST_CASE("metrics: lines that are whole, and no fewer than were counted", "[models][errors]") {
  const test::TempDir dir;
  const std::string path = dir.file("metrics.jsonl");
  append_metrics(path, "one");
  append_metrics(path, "two");
  sync_metrics(path);
  CHECK(read_metrics(path, 2) == Lines{"one", "two"});
  CHECK_THROWS_WITH(read_metrics(path, 3), Catch::Contains("truncated") &&
                                               Catch::Contains("2 lines") &&
                                               Catch::Contains("counts 3"));
  dir.add("metrics.jsonl", "one\n\nthr");
  CHECK(read_metrics(path, 2) == Lines{"one", ""});
  CHECK_THROWS_AS(read_metrics(path, 3), FormatError);
  dir.add("metrics.jsonl", "");
  CHECK(read_metrics(path, 0).empty());
}

TEST_CASE("metrics: what cannot be read is not the end of the file", "[models][errors]") {
  const test::TempDir dir;
  CHECK_THROWS_AS(read_metrics(dir.file("none"), 0), IoError);
  CHECK_THROWS_AS(read_metrics(dir.path(), 0), IoError);
  CHECK_THROWS_AS(sync_metrics(dir.file("none")), IoError);
  const std::string pipe = dir.file("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THROWS_AS(read_metrics(pipe, 0), IoError);
  CHECK_THROWS_AS(append_metrics(pipe, "one"), IoError);
}

}  // namespace
}  // namespace vitrine
