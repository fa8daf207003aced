#include <fmt/format.h>

#include "core/error.hpp"
#include "core/formats/tensor_archive.hpp"
#include "tests/golden/case.hpp"

// Family "formats": valid files, every tensor of which a reader must report.

namespace vitrine::golden {
namespace {

void compare_tensors(const TensorArchive& got, const TensorFile& want, Result& result) {
  for (const auto& [name, tensor] : want.content().tensors()) {
    const RawTensor* found = got.find(name);
    if (found == nullptr) {
      result.fail(fmt::format("'{}': not reported", name));
      continue;
    }
    // Every value of these files is exact in float32.
    result.compare(name, Values(to_float32(*found, name), found->shape),
                   Values(to_float32(tensor, name), tensor.shape), Tolerance{});
  }
  result.expect(got.tensors().size() == want.content().tensors().size(),
                fmt::format("{} tensors reported, expected {}", got.tensors().size(),
                            want.content().tensors().size()));
}

void check_format(const Manifest& manifest, const Json& entry, Result& result) {
  const std::string file = entry.at("file");
  try {
    const TensorArchive got((manifest.folder() / file).string());
    compare_tensors(got, manifest.file(entry.at("expect")), result);
  } catch (const FormatError&) {
    // A clear refusal of such a file is right too.
    if (!entry.value("optional", false)) throw;
  }
}

}  // namespace

std::vector<Case> format_cases(const ManifestPtr& manifest) {
  return cases_from(manifest->json().at("cases"), [manifest](const Json& entry, Result& result) {
    check_format(*manifest, entry, result);
  });
}

}  // namespace vitrine::golden
