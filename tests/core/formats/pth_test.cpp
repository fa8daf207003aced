// Files of torch.save: the malformed ones of the golden data; every prefix and every changed byte
// of the valid ones; pickles written by hand that are small and would become large, or run
// something; and that dense tensors are not copied.

#include "core/formats/pth.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/tensor_archive.hpp"
#include "core/formats/torch_pickle.hpp"
#include "tests/bad_files.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

constexpr int64_t kLimit = int64_t{1} << 24;
const std::string proto("\x80\x02", 2);

std::string text(const std::string& s) {
  return "X" + std::string{static_cast<char>(s.size()), 0, 0, 0} + s;
}
std::string integer(int32_t v) {
  std::string bytes = "J";
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>((v >> (8 * i)) & 0xff);
  return bytes;
}

/// A tensor of one storage of `elements` floats.
std::string tensor(const std::string& shape, const std::string& strides, int32_t elements,
                   int32_t offset = 0) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" +
         text("0") + text("cpu") + integer(elements) + "tQ" + integer(offset) + shape + strides +
         "\x89}t" + "R";
}

/// What reading the pickle gives: "N tensors", or the kind of error.
std::string outcome(const std::string& pickle, int64_t limit = kMaxUnpackedBytes) {
  static const std::vector<float> storage = {1, 2, 3, 4, 5, 6};
  try {
    const Pickle p = parse_pickle(std::as_bytes(std::span(pickle)), "test", 0, torch_global);
    const auto bytes_of = [](const TorchStorage&) { return std::as_bytes(std::span(storage)); };
    return std::to_string(torch_tensors(p, bytes_of, limit, "test").tensors.size()) + " tensors";
  } catch (const FormatError& e) {
    return std::string(format_kind_name(e.kind()));
  }
}

std::string dictionary(const std::string& items) { return proto + "}(" + items + "u."; }

}  // namespace

TEST_CASE("malformed .pth files get their verdict", "[pth][golden][errors]") {
  check_bad_files("pth", [](const BadCase& bad) { const TensorArchive archive(bad.path()); });
}

// As Python's unpickler and torch.load judge them.
TEST_CASE("pth: lengths and persistent ids that lie", "[pth][errors]") {
  const auto with = [&](const std::string& value) { return dictionary(text("n") + value); };
  const std::string four("\x8b\x04\0\0\0\x01\x02\x03\x04", 9);
  CHECK(outcome(with(four)) == "0 tensors");
  CHECK(outcome(with(std::string("\x8b\0\0\0\0", 5))) == "0 tensors");
  CHECK(outcome(with(std::string("\x8b\xff\xff\xff\xff", 5))) == "bad_header");
  CHECK(outcome(with(std::string("\x8b\0\0\0\x80", 5))) == "bad_header");
  CHECK(outcome(with(std::string("\x8b\xff\xff\xff\x7f", 5))) == "truncated");
  CHECK(outcome(with(std::string("\x8a\xff\x01", 3))) == "truncated");
  CHECK(outcome(with(std::string("T\xfe\xff\xff\xff", 5))) == "bad_header");
  CHECK(outcome(with(std::string("T\xff\xff\xff\x7f", 5))) == "truncated");
  CHECK(outcome(with(text("storage") + "Q")) == "bad_header");
  CHECK(outcome(with(integer(7) + "Q")) == "bad_header");
  // A tuple, and nobody's storage.
  CHECK(outcome(with("(" + text("module") + "tQ")) == "bad_header");
  // A size of nine bytes.
  const std::string nine("\x8b\x09\0\0\0\1\1\1\1\1\1\1\1\1", 14);
  CHECK(outcome(with(tensor(nine + "\x85", integer(1) + "\x85", 6))) == "bad_shape");
}

TEST_CASE("pth: views are checked and expanded ones bounded", "[pth]") {
  const std::string pair = integer(2) + integer(3) + "\x86";
  const auto with = [&](const std::string& t) { return dictionary(text("w") + t); };
  CHECK(outcome(with(tensor(pair, integer(3) + integer(1) + "\x86", 6))) == "1 tensors");
  CHECK(outcome(with(tensor(pair, integer(1) + integer(2) + "\x86", 6))) == "1 tensors");
  CHECK(outcome(with(tensor(pair, integer(3) + integer(1) + "\x86", 6, 1))) == "bad_offsets");
  CHECK(outcome(with(tensor(pair, integer(4) + integer(1) + "\x86", 6))) == "bad_offsets");
  CHECK(outcome(with(tensor(pair, integer(-3) + integer(1) + "\x86", 6))) == "bad_offsets");
  CHECK(outcome(with(tensor(pair, integer(1) + "\x85", 6))) == "bad_shape");
  const std::string wide = integer(1 << 30) + integer(1 << 30) + "\x86";
  const std::string still = integer(0) + integer(0) + "\x86";
  CHECK(outcome(with(tensor(wide, still, 6))) == "too_large");
  const std::string wider = integer(1 << 30) + integer(1 << 30) + integer(1 << 30) + "\x87";
  CHECK(outcome(with(tensor(wider, integer(0) + integer(0) + integer(0) + "\x87", 6))) ==
        "bad_shape");
  // Many copies of a small one add up.
  std::string many;
  for (int i = 0; i < 20; ++i) {
    many += text("w" + std::to_string(i)) + tensor(pair, integer(1) + integer(2) + "\x86", 6);
  }
  CHECK(outcome(dictionary(many)) == "20 tensors");
  CHECK(outcome(dictionary(many), 19 * 24) == "too_large");
}

TEST_CASE("pth: dictionaries that contain each other do not multiply", "[pth][errors]") {
  // d0 = {}, d1 = {a: d0, b: d0}, d2 = {a: d1, b: d1}, ...: 2^40 ways down.
  std::string pickle = proto + "}q" + std::string(1, '\0');
  for (int i = 1; i <= 40; ++i) {
    const std::string below = std::string("h") + static_cast<char>(i - 1);
    pickle.append("}(").append(text("a")).append(below).append(text("b")).append(below);
    pickle.append("uq").push_back(static_cast<char>(i));
  }
  CHECK(outcome(pickle + ".") == "too_large");
  // d = {a: d}
  const std::string key = text("a");
  CHECK(outcome(proto + "}q" + std::string(1, '\0') + key + "h" + std::string(1, '\0') + "s.") ==
        "too_large");
}

TEST_CASE("pth: a pickle of nothing but values is bounded by its size", "[pth][errors]") {
  CHECK(outcome(proto + std::string(1 << 20, '}') + ".") == "too_large");
  CHECK(outcome(proto + std::string(1 << 20, 'N') + ".") == "too_large");
  CHECK(outcome(proto + std::string(1 << 20, '(') + ".") == "bad_header");
  CHECK(outcome(proto + "X\xff\xff\xff\xff") == "truncated");
}

TEST_CASE("pth: what is remembered is bounded by the pickle's size", "[pth][errors]") {
  const auto key = [](uint32_t n) {
    std::string bytes = "r";
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>((n >> (8 * i)) & 0xff);
    return bytes;
  };
  CHECK(outcome(proto + "}" + key(70'000) + "0") == "too_large");
  CHECK(outcome(proto + "}" + key(0xffffffff) + ".") == "too_large");
  CHECK(outcome(proto + "}" + key(60'000) + ".") == "0 tensors");
  CHECK(outcome(proto + "}" + std::string(1 << 20, '\x94') + ".") == "0 tensors");
  // Python numbers what it remembers by how much that is.
  const std::string put("q\5", 2);
  CHECK(outcome(proto + "}" + put + "\x94h\1" + "h\5" + text("a") + "N" + "s.") == "0 tensors");
  CHECK(outcome(proto + "}\x94h\1.") == "bad_header");
}

TEST_CASE("pth: tensors that are used again and again are bounded", "[pth][errors]") {
  // One tensor and one key of a thousand bytes, in a list of pairs without end.
  const std::string pair = integer(2) + integer(3) + "\x86";
  const std::string name = std::string("\x8c\xff", 2) + std::string(255, 'n');
  std::string items = name + "q" + std::string(1, '\1') +
                      tensor(pair, integer(3) + integer(1) + "\x86", 6) + "q" +
                      std::string(1, '\2');
  std::string again;
  for (int i = 0; i < 60'000; ++i) again += std::string("h\1h\2", 4);
  CHECK(outcome(dictionary(items)) == "1 tensors");
  CHECK(outcome(dictionary(items + again), kMaxUnpackedBytes) == "too_large");
}

TEST_CASE("pth: what would run or import something is refused as such", "[pth][errors]") {
  CHECK(outcome(proto + "cos\nsystem\n" + text("echo") + "\x85R.") == "unsafe");
  CHECK(outcome(dictionary(text("w") + "cbuiltins\neval\n" + text("1") + "\x85R")) == "unsafe");
  CHECK(outcome(proto + text("os") + text("system") + "\x93.") == "unsafe");
  CHECK(outcome(proto + "(ios\nsystem\n.") == "unsafe");
  CHECK(outcome(proto + "ccollections\nOrderedDict\n)R)R.") == "unsafe");  // call of a result
  CHECK(outcome(proto + "ctorch\nload\n.") == "unsafe");
  CHECK(outcome(proto + "ccollections\nOrderedDict\n)R.") == "0 tensors");
  CHECK(outcome(proto + "cargparse\nNamespace\n)\x81}" + text("a") + integer(1) + "sb.") ==
        "mismatch");  // harmless, but no dictionary
  CHECK(outcome(proto + "].") == "mismatch");
  CHECK(outcome(proto + "]") == "truncated");
  CHECK(outcome(proto + "0.") == "unsupported");
  CHECK(outcome(proto + "\xf0.") == "bad_header");
  CHECK(outcome(proto + ".") == "bad_header");
}

TEST_CASE("pth: a damaged file is read or refused, never more", "[pth][golden]") {
  const auto manifest = golden_manifest("formats");
  if (!manifest) return;
  int files = 0;
  for (const auto& facts : manifest->at("cases")) {
    const std::string name = facts.at("file");
    if (!name.ends_with(".pth")) continue;
    ++files;
    const std::vector<std::byte> whole =
        read_file((golden_dir() / "formats" / name).string(), kLimit);
    for (size_t size = 0; size < whole.size(); size += 1 + size / 64) {
      CHECK_THROWS_AS(parse_pth(std::span(whole).first(size), name), FormatError);
    }
    std::vector<std::byte> damaged = whole;
    int refused = 0;
    for (size_t at = 0; at < whole.size(); at += 2) {
      damaged[at] ^= std::byte{0x55};
      try {
        const TensorSet got = parse_pth(damaged, name);
        for (const auto& [key, t] : got.tensors) CHECK(t.size() >= 0);
      } catch (const FormatError&) {
        ++refused;
      }
      damaged[at] = whole[at];
    }
    CHECK(refused > 0);
  }
  CHECK(files > 0);
}

TEST_CASE("pth: dense tensors point into the file", "[pth][golden]") {
  const auto manifest = golden_manifest("formats");
  if (!manifest) return;
  const auto path = golden_dir() / "formats" / "views.pth";
  if (!std::filesystem::exists(path)) return;
  const std::vector<std::byte> whole = read_file(path.string(), kLimit);
  const TensorSet set = parse_pth(whole, "views.pth");
  int inside = 0;
  for (const auto& [name, t] : set.tensors) {
    inside +=
        t.bytes.data() >= whole.data() && t.bytes.data() < whole.data() + whole.size() ? 1 : 0;
  }
  CHECK(inside + static_cast<int>(set.unpacked.size()) == static_cast<int>(set.tensors.size()));
  CHECK(inside > 0);
  CHECK(!set.unpacked.empty());
}
