// A folder with a model as `inspect` and `classify` meet it: the files beside the weights, and the
// header of these, are any text; the data behind the header are as many zeros as it needs (up to
// 4 MiB). Read as a whole and shown a picture, or refused with an Error in one line.
// Input: parts that end with a zero byte each: the header (empty: that of a small transformer),
// config.json, preprocessor_config.json.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/safetensors_header.hpp"
#include "models/networks/vit.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/load_model.hpp"
#include "models/weights/resize_model.hpp"
#include "tests/fuzz/mutate.hpp"

namespace {

using namespace vitrine;

constexpr int64_t kMostData = int64_t{4} << 20;

const std::string& folder() {
  static const std::string path = [] {
    std::string name = "/tmp/vitrine_fuzz_XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    return name;
  }();
  return path;
}

void put(const std::string& name, std::string_view text) {
  const std::string path = folder() + "/" + name;
  if (text.empty()) {
    unlink(path.c_str());
  } else {
    write_file_atomically(path, std::as_bytes(std::span(text)));
  }
}

/// The header of a small network under timm's names.
const std::string& usual_header() {
  static const std::string text = [] {
    VitConfig c;
    c.image_height = c.image_width = 8;
    c.patch_height = c.patch_width = 4;
    c.width = 64;
    c.depth = 1;
    c.heads = 1;
    c.mlp_ratio = 1;
    c.classes = 2;
    Model model;
    model.network = std::make_unique<Vit>(c);
    model.preprocess.height = model.preprocess.width = 8;
    save_model(folder() + "/usual.safetensors", model);
    const auto bytes = read_file(folder() + "/usual.safetensors", kMostData);
    std::string all(reinterpret_cast<const char*>(bytes.data()) + 8, load_le64(bytes.data()));
    const size_t end = all.find("},") + 2;  // without the metadata, another program's
    return "{" + all.substr(end);
  }();
  return text;
}

/// How much data a header asks for.
int64_t data_size(std::string_view header) {
  int64_t size = 0;
  for (const auto& entry : parse_safetensors_header(header, "fuzz").entries) {
    size = std::max(size, entry.end);
  }
  return size;
}

void look_at_folder() {
  Model model = load_frozen_model(folder());
  const NetworkConfig& c = model.network->network_config();
  if (c.macs() > 50'000'000 || (c.channels != 1 && c.channels != 3)) return;
  fit_to_pictures(model);
  Image picture{20, 10, 3, std::vector<uint8_t>(600, 90)};
  (*model.network)(preprocess(picture, model.preprocess));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto part = [&] {
    const size_t end = std::min(rest.find('\0'), rest.size());
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return text;
  };
  try {
    std::string_view header = part();
    if (header.empty()) header = usual_header();
    const int64_t content = data_size(header);
    if (content > kMostData) return -1;
    fuzz::Bytes file;
    fuzz::append_le(file, uint64_t{header.size()});
    file.insert(file.end(), header.begin(), header.end());
    file.resize(file.size() + static_cast<size_t>(content));
    put("model.safetensors", {reinterpret_cast<const char*>(file.data()), file.size()});
    put("config.json", part());
    put("preprocessor_config.json", part());
    look_at_folder();
  } catch (const Error& e) {  // as it should be
    for (const char c : std::string_view(e.what())) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
    }
  }
  return 0;
}

/// Changes one of the parts.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  std::minstd_rand random(seed);
  const fuzz::Bytes all(data, data + size);
  std::vector<fuzz::Bytes> parts(1);
  for (const uint8_t byte : all) {
    if (byte == 0) {
      parts.emplace_back();
    } else {
      parts.back().push_back(byte);
    }
  }
  parts.resize(3);
  if (parts[0].empty() && random() % 4 == 0) parts[0] = fuzz::to_bytes(usual_header());
  fuzz::Bytes& part = parts[random() % parts.size()];
  if (!part.empty() || random() % 8 == 0) fuzz::change(part, 256);
  fuzz::Bytes result;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) result.push_back(0);
    std::erase(parts[i], uint8_t{0});
    fuzz::append(result, parts[i]);
  }
  return fuzz::give(result, data, max_size);
}
