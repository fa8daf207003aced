// A model in several files: what the index says, what is missing, and what it must not be able to
// reach; and the valid files of every format.

#include "core/formats/tensor_archive.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/golden_path.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

std::string kind_of(const std::string& path) {
  try {
    const TensorArchive archive(path);
  } catch (const FormatError& e) {
    return std::string(format_kind_name(e.kind()));
  } catch (const IoError&) {
    return "io";
  }
  return "read";
}

void write(const TempDir& dir, const char* file, const std::vector<std::string>& names) {
  static const std::vector<float> values = {1, 2};
  std::vector<NamedTensor> tensors;
  tensors.reserve(names.size());
  for (const std::string& name : names) {
    tensors.push_back({name, {Dtype::kF32, {2}, std::as_bytes(std::span(values))}});
  }
  write_safetensors(dir.file(file), tensors, {{"format", "pt"}});
}

}  // namespace

TEST_CASE("tensors are found by name among many", "[archive]") {
  const TempDir dir;
  std::vector<std::string> names;
  names.reserve(200'000);
  for (int i = 0; i < 200'000; ++i) names.push_back(std::to_string(i * 7919LL % 200'003));
  write(dir, "many.safetensors", names);
  const TensorArchive archive(dir.file("many.safetensors"));
  // Half a minute if each were looked up one by one.
  for (size_t i = 0; i < names.size(); ++i) {
    REQUIRE(archive.find(names[i]) == &archive.tensors()[i].tensor);
    REQUIRE(archive.file_of(*archive.find(names[i])) == &archive.first_file());
  }
  CHECK(archive.find("no") == nullptr);
  CHECK(archive.find("") == nullptr);
  CHECK(archive.find("99999999") == nullptr);
}

TEST_CASE("a model in several files", "[archive]") {
  const TempDir dir;
  write(dir, "one.safetensors", {"a", "b"});
  write(dir, "two.safetensors", {"b", "c"});
  const auto index = [&](const std::string& map) {
    return dir.add("model.safetensors.index.json",
                   R"({"metadata": {"total_size": 24}, "weight_map": {)" + map + "}}");
  };
  const TensorArchive archive(
      index(R"("a": "one.safetensors", "b": "one.safetensors", "c": "two.safetensors")"));
  CHECK(archive.tensors().size() == 3);  // the second b is not in the map
  REQUIRE(archive.find("c") != nullptr);
  CHECK(to_float32(*archive.find("c"), "c") == std::vector<float>{1, 2});
  CHECK(archive.metadata().at("format") == "pt");

  CHECK(kind_of(index(R"("a": "two.safetensors")")) == "mismatch");
  CHECK(kind_of(index(R"("a": "three.safetensors")")) == "io");
  CHECK(kind_of(index(R"("a": "../one.safetensors")")) == "unsafe");
  CHECK(kind_of(index(R"("a": "/etc/passwd")")) == "unsafe");
  CHECK(kind_of(index(R"("a": "..")")) == "unsafe");
  CHECK(kind_of(index(R"("a": 1)")) == "bad_header");
  CHECK(kind_of(index("\"a\": " + std::string(1'000'000, '['))) == "bad_header");
  CHECK(kind_of(index(R"("a": "one.safetensors", "a": "two.safetensors")")) == "duplicate");
  CHECK(kind_of(dir.add("x.index.json", "{}")) == "bad_header");
  CHECK(kind_of(dir.add("x.index.json", std::string(100000, '['))) == "bad_header");
}

TEST_CASE("the content decides the format, and a name may not contradict it", "[archive][errors]") {
  const TempDir dir;
  write(dir, "weights.bin.safetensors", {"a"});
  CHECK(kind_of(dir.file("weights.bin.safetensors")) == "read");
  for (const char* name : {"a.npz", "a.pth", "a.pt", "a.bin", "a.npy"}) {
    CHECK(kind_of(dir.add(name, "<!DOCTYPE html>")) == "bad_magic");
    CHECK(kind_of(dir.add(name, "")) == "bad_magic");
  }
}

TEST_CASE("valid files of every format are read exactly", "[archive][golden]") {
  const auto manifest = golden_manifest("formats");
  if (!manifest) return;
  const auto folder = golden_dir() / "formats";
  for (const auto& facts : manifest->at("cases")) {
    const TensorArchive got((folder / facts.at("file").get<std::string>()).string());
    const SafetensorsFile want((folder / facts.at("expect").get<std::string>()).string());
    CHECK(got.tensors().size() == want.tensors().size());
    for (const auto& [name, tensor] : want.tensors()) {
      CAPTURE(facts.at("id").get<std::string>(), name);
      const RawTensor* found = got.find(name);
      REQUIRE(found != nullptr);
      CHECK(found->shape == tensor.shape);
      const std::vector<float> values = to_float32(*found, name);
      const std::vector<float> wanted = to_float32(tensor, name);
      for (size_t i = 0; i < wanted.size(); ++i) {
        CHECK((values[i] == wanted[i] || (values[i] != values[i] && wanted[i] != wanted[i])));
      }
      got.forget(*found);
    }
  }
}
