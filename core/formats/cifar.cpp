#include "core/formats/cifar.hpp"

#include <fmt/format.h>

#include "core/error.hpp"

namespace vitrine {

CifarImages parse_cifar(std::span<const std::byte> bytes, int label_bytes, int classes,
                        std::string_view path) {
  constexpr size_t kPlane = kCifarSide * kCifarSide;
  constexpr size_t kChannels = 3;
  const auto record = static_cast<size_t>(label_bytes) + kChannels * kPlane;
  if (bytes.empty() || bytes.size() % record != 0) {
    throw FormatError(
        FormatKind::kTruncated, path, static_cast<int64_t>(bytes.size() / record * record),
        fmt::format("{} bytes are not records of {}: is it CIFAR's binary version, whole?",
                    bytes.size(), record));
  }
  CifarImages images;
  const size_t count = bytes.size() / record;
  images.labels.resize(count);
  images.pixels.resize(count * kChannels * kPlane);
  for (size_t i = 0; i < count; ++i) {
    const size_t planes = i * record + static_cast<size_t>(label_bytes);
    const auto label = static_cast<uint8_t>(bytes[planes - 1]);
    if (label >= classes) {
      throw FormatError(FormatKind::kMismatch, path, static_cast<int64_t>(planes - 1),
                        fmt::format("label {} must be below {}", label, classes));
    }
    images.labels[i] = label;
    uint8_t* to = images.pixels.data() + i * kChannels * kPlane;
    for (size_t p = 0; p < kPlane; ++p) {
      for (size_t c = 0; c < kChannels; ++c) {
        *to++ = static_cast<uint8_t>(bytes[planes + c * kPlane + p]);
      }
    }
  }
  return images;
}

}  // namespace vitrine
