#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine {

/// Grey images of one size.
struct IdxImages {
  int64_t count = 0;
  int64_t height = 0;
  int64_t width = 0;
  std::vector<uint8_t> pixels;  ///< (count, height, width)
};

/// Images and their classes.
struct IdxPair {
  IdxImages images;
  std::vector<uint8_t> labels;  ///< (count)
};

/// Parse an IDX file of bytes: images of three dimensions, labels of one. Plain or gzip, decided by
/// the content. A compressed file needs memory for what its header declares, at most
/// unpacking_limit().
///   path   for messages
/// Throws FormatError: kBadMagic, kBadDtype (elements that are not bytes), kBadHeader (another
/// number of dimensions), kBadShape (images without pixels), kTruncated, kCorrupt (gzip),
/// kMismatch (bytes after the data), kTooLarge.
/// Source: Y. LeCun, C. Cortes, C. J. C. Burges, http://yann.lecun.com/exdb/mnist/, "The IDX file
/// format".
IdxImages parse_idx_images(std::span<const std::byte> bytes, std::string_view path);
std::vector<uint8_t> parse_idx_labels(std::span<const std::byte> bytes, std::string_view path);

/// Reads both files and checks that they belong together: as many labels as images, and every
/// label below `classes`, where classes > 0. Throws IoError, and FormatError as above, with
/// kMismatch if they do not.
IdxPair read_idx_pair(const std::string& images_path, const std::string& labels_path,
                      int64_t classes = 0);

}  // namespace vitrine
