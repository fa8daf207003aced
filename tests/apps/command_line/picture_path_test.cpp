// Where pictures go: files, folders, and what is refused before the work is done.

#include "apps/command_line/picture_path.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

#include "core/error.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<std::string>;

TEST_CASE("picture path: a PNG file, or a folder", "[apps]") {
  const test::TempDir dir;
  const std::string in = dir.path() + "/";
  CHECK(picture_path("--out", "", "a.png") == "a.png");
  CHECK(picture_path("--out", in + "b.png", "a.png") == in + "b.png");
  CHECK(picture_path("--out", in + "b.PNG", "a.png") == in + "b.PNG");
  CHECK(picture_path("--out", in + "new", "a.png") == in + "new/a.png");
  CHECK(fs::is_directory(in + "new"));
  fs::create_directory(in + "v1.2");
  CHECK(picture_path("--out", in + "v1.2", "a.png") == in + "v1.2/a.png");
}

TEST_CASE("picture path: what cannot be written is refused", "[apps][errors]") {
  const test::TempDir dir;
  const std::string in = dir.path() + "/";
  CHECK_THROWS_WITH(picture_path("--out", "b.jpg", "a.png"),
                    "--out b.jpg: pictures are written as PNG; name it b.png");
  CHECK_THROWS_AS(picture_path("--out", in + "b.svg", "a.png"), UsageError);
  CHECK_THROWS_AS(picture_path("--out", in + "no/b.png", "a.png"), UsageError);
  CHECK_FALSE(fs::exists(in + "no"));
  CHECK_THROWS_AS(make_picture_folder("--out", in + "b.png"), UsageError);
  CHECK_FALSE(fs::exists(in + "b.png"));
  make_picture_folder("--out", in + "folder");
  CHECK(fs::is_directory(in + "folder"));
  CHECK_THROWS_AS(make_picture_folder("--out", "/dev/null"), UsageError);
}

TEST_CASE("picture path: several pictures are several files", "[apps]") {
  const test::TempDir dir;
  const std::string in = dir.path() + "/";
  CHECK(picture_paths("--out", in + "m.png", {"x.jpg"}, ".map.png") == Paths{in + "m.png"});
  CHECK(picture_paths("--out", in + "m.png", {"x.jpg", "y.jpg"}, ".map.png") ==
        Paths{in + "m-1.png", in + "m-2.png"});
  CHECK_FALSE(fs::exists(in + "m.png"));
  CHECK(picture_paths("--out", "", {"p/x.jpg", "q/x.png", "y.png"}, ".map.png") ==
        Paths{"x.map.png", "x-2.map.png", "y.map.png"});
  CHECK(picture_paths("--out", in + "maps", {"p/x.jpg"}, ".map.png") ==
        Paths{in + "maps/x.map.png"});
  CHECK_THROWS_AS(picture_paths("--out", "m.gif", {"x.jpg"}, ".map.png"), UsageError);
}

}  // namespace
}  // namespace vitrine
