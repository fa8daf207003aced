// Patterns of names. Whole tables of them are in import_model_test.

#include "models/weights/name_pattern.hpp"

#include <catch2/catch.hpp>

namespace vitrine {

TEST_CASE("names: placeholders in both directions", "[models][import]") {
  CHECK(rename("blocks.12.norm1.bias", "blocks.{}.norm1.*", "layer.{1}.n.*") == "layer.13.n.bias");
  CHECK(rename("layer.13.n.bias", "layer.{1}.n.*", "blocks.{}.norm1.*") == "blocks.12.norm1.bias");
  CHECK(rename("unit3/x", "unit{1}/x", "{}") == "2");
  CHECK(!rename("unit0/x", "unit{1}/x", "{}"));
  CHECK(!rename("blocks.x.norm", "blocks.{}.norm", ""));
  CHECK(!rename("blocks.1.norms", "blocks.{}.norm", ""));
  CHECK(!rename("blocks.99999999999999999999.norm", "blocks.{}.norm", ""));
}

}  // namespace vitrine
