#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/formats/pickle.hpp"
#include "core/formats/tensor_set.hpp"

namespace vitrine {

/// What parse_pickle makes of the names in a file of torch.save; for everything else it says
/// kForbidden.
int torch_global(std::string_view module, std::string_view name);

/// The bytes of a tensor's storage.
struct TorchStorage {
  std::string key;       ///< its name in the file
  Dtype dtype;           ///< kU8 if untyped
  int64_t offset = 0;    ///< first element, of a view in the legacy format
  int64_t elements = 0;  ///< from there
};

/// The bytes of a storage: at least (offset + elements) * size, or a FormatError.
using StorageBytes = std::function<std::span<const std::byte>(const TorchStorage&)>;

/// What a persistent identification in a pickle of torch.save says. Throws FormatError.
TorchStorage torch_storage(const Pickle& pickle, const PickleValue& persistent,
                           std::string_view path);

/// The tensors in the dictionaries of a pickle, as parse_pth describes them.
///   limit   bytes that tensors which are not dense may take altogether
TensorSet torch_tensors(const Pickle& pickle, const StorageBytes& bytes_of, int64_t limit,
                        std::string_view path);

}  // namespace vitrine
