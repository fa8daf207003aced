#include "core/formats/gzip.hpp"

#include <zlib.h>

#include <algorithm>

#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's code for "gzip wrapper, any window"

// zlib counts in unsigned int.
constexpr size_t kMaxPiece = size_t{1} << 30;

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

GzipReader::GzipReader(std::span<const std::byte> bytes, std::string path)
    : rest_(bytes), path_(std::move(path)), stream_(std::make_unique<z_stream_s>()) {
  if (inflateInit2(stream_.get(), kGzipWindow) != Z_OK) {
    throw IoError(path_, "cannot unpack: out of memory");
  }
}

GzipReader::~GzipReader() { inflateEnd(stream_.get()); }

bool GzipReader::start_next_member() {
  const std::span<const std::byte> left(reinterpret_cast<const std::byte*>(stream_->next_in),
                                        stream_->avail_in + rest_.size());
  if (left.empty()) return false;
  if (!is_gzip(left)) {
    throw FormatError(FormatKind::kCorrupt, path_, -1, "bytes after the end of the gzip data");
  }
  inflateReset(stream_.get());
  return true;
}

size_t GzipReader::read(std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size() && !ended_) {
    if (stream_->avail_in == 0) {
      const size_t piece = std::min(rest_.size(), kMaxPiece);
      // zlib does not write to its input; its type is older than const.
      stream_->next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest_.data()));
      stream_->avail_in = static_cast<uInt>(piece);
      rest_ = rest_.subspan(piece);
    }
    const size_t room = std::min(out.size() - done, kMaxPiece);
    stream_->next_out = reinterpret_cast<Bytef*>(out.data() + done);
    stream_->avail_out = static_cast<uInt>(room);
    const int status = inflate(stream_.get(), Z_NO_FLUSH);
    done += room - stream_->avail_out;
    if (status == Z_STREAM_END) {
      ended_ = !start_next_member();
    } else if (status == Z_BUF_ERROR && stream_->avail_in == 0 && rest_.empty()) {
      throw FormatError(FormatKind::kTruncated, path_, -1,
                        "the gzip data ends too early; download the file again");
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      throw FormatError(FormatKind::kCorrupt, path_, -1,
                        "the gzip data is damaged; download the file again");
    }
  }
  return done;
}

}  // namespace vitrine
