// wrap_text and output_path: lines of eighty columns, names of files.

#include "apps/wrap_text.hpp"

#include <catch2/catch.hpp>

#include "apps/output_path.hpp"
#include "core/error.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

TEST_CASE("wrap text: at blanks, the second line is indented", "[apps]") {
  CHECK(wrap_text("") == "");
  CHECK(wrap_text("one line") == "one line");
  CHECK(wrap_text("aa bb cc dd", 5) == "aa bb\n  cc\n  dd");
  CHECK(wrap_text("aa bb cc dd", 7) == "aa bb\n  cc dd");
  CHECK(wrap_text("a verylongword b", 6) == "a\n  verylongword\n  b");
  CHECK(wrap_text("\u00e9\u00e9 \u00e9\u00e9", 5) ==
        "\u00e9\u00e9 \u00e9\u00e9");  // characters, not bytes
}

TEST_CASE("output path: what is a file, what a folder", "[apps]") {
  const test::TempDir dir;
  for (const char* file : {"y.onnx", "a/b.pth", "x.h5", "model.tar.gz", ".x.png"}) {
    INFO(file);
    CHECK(names_a_file(file));
  }
  for (const char* folder :
       {"run", "vit-1.5", "a.b/run", "run.hf/", ".hidden", "..", "", "v2.", "a.b c"}) {
    INFO(folder);
    CHECK(!names_a_file(folder));
  }
  CHECK(!names_a_file(dir.file("")));
  CHECK_THROWS_AS(require_folder("--out", "a.png", "why"), UsageError);
}

}  // namespace
}  // namespace vitrine
