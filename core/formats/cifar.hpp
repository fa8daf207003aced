#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vitrine {

inline constexpr int64_t kCifarSide = 32;

/// Pictures of CIFAR's binary version.
struct CifarImages {
  std::vector<uint8_t> pixels;  ///< (n, 32, 32, 3)
  std::vector<uint8_t> labels;  ///< (n)
};

/// Parses a .bin file: records of `label_bytes` labels (1 for CIFAR-10; 2 for CIFAR-100, coarse and
/// fine, of which the last counts) and 32 x 32 reds, greens, blues.
///   path   for messages
/// Throws FormatError: kTruncated (no whole records, or none), kMismatch (a label not below
/// `classes`). Source: A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html, "Binary
/// version".
CifarImages parse_cifar(std::span<const std::byte> bytes, int label_bytes, int classes,
                        std::string_view path);

}  // namespace vitrine
