#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "core/error.hpp"
#include "core/formats/idx.hpp"
#include "core/formats/tensor_archive.hpp"
#include "core/images/image.hpp"
#include "tests/golden/case.hpp"
#include "tests/golden/sandbox.hpp"

// Family "bad": malformed, hostile and borderline files. Each is read in a process of its own, so
// that a crash, a hang or a leak is a failure of that case alone.

namespace vitrine::golden {
namespace {

namespace fs = std::filesystem;

/// The only labels that the IDX files of this family may hold.
constexpr int64_t kIdxClasses = 10;

void check_tensors(const fs::path& path, const Json& entry, Result& result) {
  const TensorArchive got(path.string());
  if (!entry.contains("tensors")) return;
  const Json& want = entry.at("tensors");
  result.expect(got.tensors().size() == want.size(),
                fmt::format("{} tensors reported, expected {}", got.tensors().size(), want.size()));
  for (const auto& [name, expected] : want.items()) {
    const RawTensor* found = got.find(name);
    if (found == nullptr) {
      result.fail(fmt::format("'{}': not reported", name));
      continue;
    }
    const auto shape = expected.at("shape").get<std::vector<int64_t>>();
    const auto values = expected.at("values").get<std::vector<float>>();
    result.compare(name, Values(to_float32(*found, name), found->shape), Values(values, shape),
                   Tolerance{});
  }
}

void check_image(const fs::path& path, const Json& entry, Result& result) {
  constexpr int kRgb = 3;
  const Image image = read_image(path.string(), kRgb, Exif::kAsStored);
  if (!entry.contains("size")) return;
  const auto size = entry.at("size").get<std::vector<int64_t>>();
  result.expect(
      size == std::vector{image.width, image.height},
      fmt::format("size {} x {}, expected {}", image.width, image.height, fmt::join(size, " x ")));
}

void check_idx(const fs::path& folder, const Json& entry) {
  if (entry.contains("files")) {
    const Json& files = entry.at("files");
    read_idx_pair((folder / files.at("images")).string(), (folder / files.at("labels")).string(),
                  kIdxClasses);
    return;
  }
  const std::string path = (folder / entry.at("file")).string();
  constexpr int64_t kLimit = int64_t{1} << 30;
  parse_idx_images(read_file(path, kLimit), path);
}

bool is_image(std::string_view format) { return format == "png" || format == "jpeg"; }

/// Reads the file; returns the kind of error if it is refused.
std::optional<std::string> read(const fs::path& folder, const Json& entry, Result& result) {
  const std::string format = entry.at("format");
  try {
    if (format == "idx") {
      check_idx(folder, entry);
    } else if (is_image(format)) {
      check_image(folder / entry.at("file"), entry, result);
    } else {
      check_tensors(folder / entry.at("file"), entry, result);
    }
    return std::nullopt;
  } catch (const FormatError& error) {
    return std::string(format_kind_name(error.kind()));
  }
}

void check_outcome(const fs::path& folder, const Json& entry, Result& result) {
  const std::string expect = entry.at("expect");
  const auto kinds = entry.at("kinds").get<std::vector<std::string>>();
  const std::optional<std::string> error = read(folder, entry, result);
  if (!error) {
    result.expect(expect != "error",
                  fmt::format("accepted, expected an error ({})", fmt::join(kinds, ", ")));
  } else if (expect == "ok") {
    result.fail(fmt::format("refused as {}, expected to be read", *error));
  } else {
    result.expect(std::ranges::find(kinds, *error) != kinds.end(),
                  fmt::format("refused as {}, expected {}", *error, fmt::join(kinds, ", ")));
  }
}

void check_bad(const Manifest& manifest, const Json& entry, Result& result) {
  const std::string format = entry.at("format");
  constexpr std::array kOffered = {"safetensors", "npz", "pth", "idx", "png", "jpeg"};
  if (std::ranges::find(kOffered, format) == kOffered.end()) {
    throw NotOffered{"format " + format};
  }
  const Json& limits = manifest.json().at("limits");
  const fs::path folder = fs::absolute(manifest.folder());
  run_in_sandbox({limits.at("seconds_per_file"), limits.at("resident_MiB")}, result,
                 [&](Result& inner) { check_outcome(folder, entry, inner); });
}

}  // namespace

std::vector<Case> bad_cases(const ManifestPtr& manifest) {
  return cases_from(manifest->json().at("cases"), [manifest](const Json& entry, Result& result) {
    check_bad(*manifest, entry, result);
  });
}

}  // namespace vitrine::golden
