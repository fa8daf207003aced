#include "core/formats/torch_pickle.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/strided_copy.hpp"

namespace vitrine {
namespace {

using Kind = PickleValue::Kind;

// What torch_global answers. A storage or element type is its base plus the Dtype.
enum Global : int {
  kDictionary,
  kTensorV2,
  kTensorV3,
  kParameter,
  kOpaque,   // harmless, and of no interest
  kUntyped,  // storage without a type
  kUnknownStorage,
  kStorageBase = 100,
  kDtypeBase = 200,
};

constexpr size_t kMaxRank = 64;
constexpr size_t kMaxNesting = 64;
// A dictionary that is used twice is walked twice; one of many levels could be walked forever.
constexpr size_t kVisitsPerValue = 4;
constexpr size_t kMaxName = 1024;

struct KnownGlobal {
  std::string_view module, name;
  Global global;
};
// Classes of configurations and counters that checkpoints carry along (argparse of timm and DeiT,
// omegaconf and NumPy of MAE and DINOv2), and the constructors of harmless values.
constexpr std::array<KnownGlobal, 26> kKnown = {{
    {"collections", "OrderedDict", kDictionary},
    {"collections", "defaultdict", kDictionary},
    {"__builtin__", "dict", kDictionary},
    {"builtins", "dict", kDictionary},
    {"torch._utils", "_rebuild_tensor_v2", kTensorV2},
    {"torch._utils", "_rebuild_tensor", kTensorV2},
    {"torch._utils", "_rebuild_tensor_v3", kTensorV3},
    {"torch._utils", "_rebuild_parameter", kParameter},
    {"torch._utils", "_rebuild_parameter_with_state", kParameter},
    {"torch", "Size", kOpaque},
    {"torch", "device", kOpaque},
    {"torch.storage", "UntypedStorage", kUntyped},
    {"torch", "UntypedStorage", kUntyped},
    {"argparse", "Namespace", kOpaque},
    {"pathlib", "PosixPath", kOpaque},
    {"pathlib", "PurePosixPath", kOpaque},
    {"numpy", "dtype", kOpaque},
    {"numpy.core.multiarray", "scalar", kOpaque},
    {"numpy._core.multiarray", "scalar", kOpaque},
    {"_codecs", "encode", kOpaque},
    {"__builtin__", "set", kOpaque},
    {"builtins", "set", kOpaque},
    {"__builtin__", "list", kOpaque},
    {"builtins", "list", kOpaque},
    {"typing", "Any", kOpaque},
    {"collections", "Counter", kDictionary},
}};

struct ElementType {
  std::string_view storage;  // torch.<...>Storage
  std::string_view name;     // torch.<...>
  Dtype dtype;
};
constexpr std::array<ElementType, 15> kTypes = {{{"Double", "float64", Dtype::kF64},
                                                 {"Float", "float32", Dtype::kF32},
                                                 {"Half", "float16", Dtype::kF16},
                                                 {"BFloat16", "bfloat16", Dtype::kBf16},
                                                 {"Long", "int64", Dtype::kI64},
                                                 {"Int", "int32", Dtype::kI32},
                                                 {"Short", "int16", Dtype::kI16},
                                                 {"Char", "int8", Dtype::kI8},
                                                 {"", "uint64", Dtype::kU64},
                                                 {"", "uint32", Dtype::kU32},
                                                 {"", "uint16", Dtype::kU16},
                                                 {"Byte", "uint8", Dtype::kU8},
                                                 {"Bool", "bool", Dtype::kBool},
                                                 {"", "float8_e4m3fn", Dtype::kF8E4m3},
                                                 {"", "float8_e5m2", Dtype::kF8E5m2}}};

/// The tensors of a pickle, each rebuilt from a storage.
class TensorBuilder {
 public:
  TensorBuilder(const Pickle& pickle, const StorageBytes& bytes_of, int64_t limit,
                std::string_view path)
      : pickle_(pickle), bytes_of_(bytes_of), left_(limit), path_(path) {}

  TensorSet build();

 private:
  [[noreturn]] void refuse(FormatKind kind, const std::string& what) const {
    throw FormatError(kind, path_, -1,
                      name_.empty() ? what : fmt::format("tensor '{}' {}", name_, what));
  }
  const PickleValue& at(uint32_t index) const { return pickle_.at(index); }
  bool is_dictionary(const PickleValue& v) const {
    return v.kind == Kind::kDict || (v.kind == Kind::kObject && v.integer == kDictionary);
  }
  const std::vector<uint32_t>& arguments(const PickleValue& call, size_t least) const;
  int64_t integer(uint32_t index, FormatKind kind) const;
  std::vector<int64_t> integers(uint32_t index, FormatKind kind) const;
  const PickleValue* tensor_call(const PickleValue& v) const;
  void take(int64_t bytes, const std::string& what);
  void add_tensor(const PickleValue& call);
  void check_view(const TorchStorage& storage, int64_t offset, std::span<const int64_t> shape,
                  std::span<const int64_t> strides) const;

  const Pickle& pickle_;
  const StorageBytes& bytes_of_;
  int64_t left_;
  std::string path_;
  std::string name_;  // of the tensor at hand
  TensorSet set_;
};

/// The arguments of a call, at least so many.
const std::vector<uint32_t>& TensorBuilder::arguments(const PickleValue& call, size_t least) const {
  const PickleValue& tuple = at(call.items[0]);
  if (tuple.kind != Kind::kTuple || tuple.items.size() < least) {
    refuse(FormatKind::kBadHeader, "is made from too few arguments");
  }
  return tuple.items;
}

int64_t TensorBuilder::integer(uint32_t index, FormatKind kind) const {
  const PickleValue& v = at(index);
  if (v.kind == Kind::kBigInt) refuse(kind, "has a size that does not fit in 63 bits");
  if (v.kind != Kind::kInt) refuse(FormatKind::kBadHeader, "has a size that is no integer");
  if (v.integer < 0) refuse(kind, "has a negative size, stride or offset");
  return v.integer;
}

std::vector<int64_t> TensorBuilder::integers(uint32_t index, FormatKind kind) const {
  const PickleValue* v = &at(index);
  // torch.Size(tuple)
  if (v->kind == Kind::kObject && v->integer == kOpaque) v = &at(arguments(*v, 1)[0]);
  if (v->kind != Kind::kTuple && v->kind != Kind::kList) {
    refuse(FormatKind::kBadHeader, "has a shape that is no tuple");
  }
  if (v->items.size() > kMaxRank) {
    refuse(FormatKind::kTooLarge, fmt::format("has more than {} dimensions", kMaxRank));
  }
  std::vector<int64_t> result;
  result.reserve(v->items.size());
  for (const uint32_t item : v->items) result.push_back(integer(item, kind));
  return result;
}

/// The call that makes a tensor, which a parameter may wrap; nullptr if `v` is something else.
const PickleValue* TensorBuilder::tensor_call(const PickleValue& v) const {
  const PickleValue* call = &v;
  if (call->kind == Kind::kObject && call->integer == kParameter) {
    call = &at(arguments(*call, 1)[0]);
  }
  const bool makes_tensor =
      call->kind == Kind::kObject && (call->integer == kTensorV2 || call->integer == kTensorV3);
  return makes_tensor ? call : nullptr;
}

/// Every element must lie in the storage.
void TensorBuilder::check_view(const TorchStorage& storage, int64_t offset,
                               std::span<const int64_t> shape,
                               std::span<const int64_t> strides) const {
  int64_t last = offset;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return;
    int64_t step = 0;
    if (__builtin_mul_overflow(shape[i] - 1, strides[i], &step) ||
        __builtin_add_overflow(last, step, &last)) {
      refuse(FormatKind::kBadOffsets, "has strides that overflow");
    }
  }
  if (last >= storage.elements) {
    refuse(FormatKind::kBadOffsets,
           fmt::format("of shape ({}) and strides ({}) from {} leaves its storage of {} elements",
                       fmt::join(shape, ", "), fmt::join(strides, ", "), offset, storage.elements));
  }
}

/// Counts what is not in the file, but in memory.
void TensorBuilder::take(int64_t bytes, const std::string& what) {
  if (bytes > left_) {
    refuse(FormatKind::kTooLarge,
           fmt::format("{} needs {} bytes, far more than the file has", what, bytes));
  }
  left_ -= bytes;
}

void TensorBuilder::add_tensor(const PickleValue& call) {
  // v2: storage, offset, size, stride, ...; v3 has the element type at the seventh place.
  const bool untyped = call.integer == kTensorV3;
  const std::vector<uint32_t>& from = arguments(call, untyped ? 7 : 4);
  TorchStorage storage = torch_storage(pickle_, at(from[0]), path_);
  if (untyped) {
    const PickleValue& type = at(from[6]);
    if (type.kind != Kind::kGlobal || type.integer < kDtypeBase) {
      refuse(FormatKind::kBadDtype, "has no element type");
    }
    storage.dtype = static_cast<Dtype>(type.integer - kDtypeBase);
    storage.elements /= dtype_size(storage.dtype);
  }
  const int64_t offset = integer(from[1], FormatKind::kBadOffsets);
  const std::vector<int64_t> shape = integers(from[2], FormatKind::kBadShape);
  const std::vector<int64_t> strides = integers(from[3], FormatKind::kBadOffsets);
  const std::optional<int64_t> bytes = byte_count(storage.dtype, shape);
  if (strides.size() != shape.size() || !bytes) {
    refuse(FormatKind::kBadShape, fmt::format("has shape ({}) and strides ({})",
                                              fmt::join(shape, ", "), fmt::join(strides, ", ")));
  }
  check_view(storage, offset, shape, strides);
  // A call and a text may be used again and again.
  take(static_cast<int64_t>(sizeof(NamedTensor) + name_.size() + shape.size() * sizeof(int64_t)),
       "among so many");
  const std::span<const std::byte> data = bytes_of_(storage);
  if (*bytes == 0) {
    set_.tensors.push_back({name_, {storage.dtype, shape, {}}});
    return;
  }
  const int64_t size = dtype_size(storage.dtype);
  const auto first = static_cast<size_t>((storage.offset + offset) * size);
  if (is_row_major(shape, strides)) {
    const auto dense = data.subspan(first, static_cast<size_t>(*bytes));
    set_.tensors.push_back({name_, {storage.dtype, shape, dense}});
    return;
  }
  take(*bytes, fmt::format("of shape ({})", fmt::join(shape, ", ")));
  set_.add(name_, storage.dtype, shape, strided_copy(data.data() + first, size, shape, strides));
}

/// Walks the dictionaries without recursion: a file may nest them as deeply as it likes.
TensorSet TensorBuilder::build() {
  struct Place {
    const PickleValue* dictionary;
    size_t next;         // index of the next key
    size_t name_length;  // of the names above
  };
  const auto first_key = [](const PickleValue& v) { return v.kind == Kind::kDict ? 0U : 1U; };
  const PickleValue& root = at(pickle_.root);
  if (!is_dictionary(root)) {
    refuse(FormatKind::kMismatch, "no dictionary of tensors; save model.state_dict()");
  }
  std::string prefix;
  size_t visits = 0;
  std::vector<Place> places = {{&root, first_key(root), 0}};
  while (!places.empty()) {
    Place& place = places.back();
    prefix.resize(place.name_length);
    if (place.next >= place.dictionary->items.size()) {
      places.pop_back();
      continue;
    }
    const PickleValue& key = at(place.dictionary->items[place.next]);
    const PickleValue& value = at(place.dictionary->items[place.next + 1]);
    place.next += 2;
    if (++visits > kVisitsPerValue * pickle_.values.size()) {
      refuse(FormatKind::kTooLarge, "dictionaries that contain each other again and again");
    }
    if (key.kind != Kind::kText) continue;
    if (prefix.size() + key.text.size() > kMaxName) {
      refuse(FormatKind::kTooLarge, fmt::format("a name of more than {} bytes", kMaxName));
    }
    prefix += key.text;
    if (is_dictionary(value)) {
      if (places.size() == kMaxNesting) {
        refuse(FormatKind::kTooLarge, "dictionaries are nested too deeply");
      }
      prefix += '/';
      places.push_back({&value, first_key(value), prefix.size()});
    } else if (const PickleValue* call = tensor_call(value)) {
      name_ = prefix;
      add_tensor(*call);
      name_.clear();
    }
  }
  // torch.load looks at those that nothing uses, too.
  for (const PickleValue& value : pickle_.values) {
    if (value.kind == Kind::kPersistent) torch_storage(pickle_, value, path_);
  }
  std::vector<std::string_view> names;
  names.reserve(set_.tensors.size());
  for (const NamedTensor& tensor : set_.tensors) names.push_back(tensor.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) {
    refuse(FormatKind::kDuplicate, fmt::format("tensor '{}' comes twice", *twice));
  }
  return std::move(set_);
}

}  // namespace

int torch_global(std::string_view module, std::string_view name) {
  for (const KnownGlobal& known : kKnown) {
    if (known.module == module && known.name == name) return known.global;
  }
  if (module.starts_with("omegaconf.")) return kOpaque;
  if (module != "torch") return kForbidden;
  constexpr std::string_view kStorage = "Storage";
  for (const ElementType& type : kTypes) {
    const int dtype = static_cast<int>(type.dtype);
    if (name == type.name) return kDtypeBase + dtype;
    if (!type.storage.empty() && name.size() == type.storage.size() + kStorage.size() &&
        name.starts_with(type.storage) && name.ends_with(kStorage)) {
      return kStorageBase + dtype;
    }
  }
  return name.ends_with(kStorage) ? kUnknownStorage : kForbidden;
}

TorchStorage torch_storage(const Pickle& pickle, const PickleValue& persistent,
                           std::string_view path) {
  const auto refuse = [&](FormatKind kind, std::string_view what) {
    throw FormatError(kind, path, -1, what);
  };
  // ("storage", type, key, place, elements), then in the legacy format None or (key, offset,
  // elements) of a view.
  constexpr size_t kItems = 5;
  if (persistent.kind != Kind::kPersistent)
    refuse(FormatKind::kBadHeader, "a tensor has no storage");
  const PickleValue& id = pickle.at(persistent.items[0]);
  const auto item = [&](size_t i) -> const PickleValue& { return pickle.at(id.items[i]); };
  if (id.kind != Kind::kTuple || id.items.size() < kItems || item(0).text != "storage" ||
      item(1).kind != Kind::kGlobal || item(2).kind != Kind::kText || item(4).kind != Kind::kInt ||
      item(4).integer < 0) {
    refuse(FormatKind::kBadHeader, "a storage is not described as torch.save does it");
  }
  const int64_t type = item(1).integer;
  if (type != kUntyped && (type < kStorageBase || type >= kDtypeBase)) {
    refuse(FormatKind::kUnsupported, "a storage of complex, quantized or unknown elements");
  }
  TorchStorage storage{std::string(item(2).text),
                       type == kUntyped ? Dtype::kU8 : static_cast<Dtype>(type - kStorageBase), 0,
                       item(4).integer};
  if (id.items.size() > kItems && item(kItems).kind == Kind::kTuple) {
    const PickleValue& view = item(kItems);
    if (view.items.size() != 3 || pickle.at(view.items[1]).integer < 0 ||
        pickle.at(view.items[2]).integer < 0) {
      refuse(FormatKind::kBadOffsets, "a view of a storage is not described as torch.save does it");
    }
    storage.offset = pickle.at(view.items[1]).integer;
    storage.elements = pickle.at(view.items[2]).integer;
  }
  return storage;
}

TensorSet torch_tensors(const Pickle& pickle, const StorageBytes& bytes_of, int64_t limit,
                        std::string_view path) {
  return TensorBuilder(pickle, bytes_of, limit, path).build();
}

}  // namespace vitrine
