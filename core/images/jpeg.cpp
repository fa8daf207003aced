#include "core/images/jpeg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

// After the standard headers, which it relies on.
#include <jerror.h>
#include <jpeglib.h>

#include "core/ceil_div.hpp"
#include "core/error.hpp"
#include "core/images/picture_kind.hpp"

namespace vitrine {
namespace {

// No encoder writes so many scans (libjpeg 10, optimisers of scans up to some dozens). The largest
// picture takes 39 million visits of blocks as libjpeg writes it; a visit costs up to 60 ns.
constexpr int kMaxScans = 100;
constexpr int64_t kMaxBlockVisits = int64_t{1} << 26;

// Coefficients of the largest picture, and something to spare.
constexpr long kMaxWorkingBytes = 2L << 30;

constexpr int kInks = 4;

// A decoder, and why it stopped. libjpeg leaves by longjmp when it refuses a file: nothing in here
// and nothing in the functions that catch it, read_header and its neighbours, has a destructor.
struct Decoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_source_mgr source;
  jpeg_progress_mgr progress;
  std::jmp_buf refused;
  int64_t visits = 0;  // of blocks, in all scans
  int code = 0;        // libjpeg's, of what it refused; 0 for our own limits
  bool ended = false;  // bytes were asked for that the file does not have
  std::array<char, JMSG_LENGTH_MAX> message = {};
};

Decoder& decoder_of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }
Decoder& decoder_of(j_decompress_ptr info) { return *static_cast<Decoder*>(info->client_data); }

// --- what libjpeg calls --------------------------------------------------------------------------

[[noreturn]] void refuse(j_common_ptr info) {
  Decoder& d = decoder_of(info);
  d.code = info->err->msg_code;
  info->err->format_message(info, d.message.data());
  std::longjmp(d.refused, 1);
}

void print_nothing(j_common_ptr) {}

// libjpeg notes that samples are missing where the next marker comes too early. Behind the end of
// the file that means the end of the picture.
void note(j_common_ptr info, int level) {
  if (level >= 0) return;
  ++info->err->num_warnings;
  const int code = info->err->msg_code;
  if (decoder_of(info).ended && (code == JWRN_HIT_MARKER || code == JWRN_MUST_RESYNC)) refuse(info);
}

void begin(j_decompress_ptr) {}
void end(j_decompress_ptr) {}

// Asked for when the file is read to its end: an end marker, as libjpeg's own sources give.
boolean fill(j_decompress_ptr info) {
  static constexpr std::array<JOCTET, 2> kEnd = {0xff, JPEG_EOI};
  decoder_of(info).ended = true;
  info->src->next_input_byte = kEnd.data();
  info->src->bytes_in_buffer = kEnd.size();
  return TRUE;
}

void skip(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if (static_cast<size_t>(count) > info->src->bytes_in_buffer) {
    fill(info);
    return;
  }
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= static_cast<size_t>(count);
}

// Called for each row of blocks while all scans are read.
void watch(j_common_ptr info) {
  Decoder& d = decoder_of(info);
  for (int i = 0; i < d.info.comps_in_scan; ++i) {
    const jpeg_component_info& component = *d.info.cur_comp_info[i];
    d.visits += int64_t{component.width_in_blocks} * component.v_samp_factor;
  }
  if (d.info.input_scan_number > kMaxScans || d.visits > kMaxBlockVisits) {
    std::longjmp(d.refused, 1);
  }
}

// --- calls that may end early: false, and the decoder says why -----------------------------------

bool read_header(Decoder& d, const JOCTET* bytes, size_t size) {
  if (setjmp(d.refused) != 0) return false;
  jpeg_CreateDecompress(&d.info, JPEG_LIB_VERSION, sizeof d.info);
  d.info.mem->max_memory_to_use = kMaxWorkingBytes;
  d.source = {bytes, size, begin, fill, skip, jpeg_resync_to_restart, end};
  d.info.src = &d.source;
  d.progress.progress_monitor = watch;
  d.info.progress = &d.progress;
  jpeg_read_header(&d.info, TRUE);
  return true;
}

// Reads all scans of a picture that has several.
bool start(Decoder& d, J_COLOR_SPACE colours) {
  if (setjmp(d.refused) != 0) return false;
  d.info.out_color_space = colours;
  jpeg_start_decompress(&d.info);
  d.info.progress = nullptr;
  return true;
}

// The next `count` rows.
bool read_rows(Decoder& d, JSAMPLE* to, size_t pitch, JDIMENSION count) {
  if (setjmp(d.refused) != 0) return false;
  for (JDIMENSION i = 0; i < count; ++i, to += pitch) jpeg_read_scanlines(&d.info, &to, 1);
  return true;
}

// --- C++ around them -----------------------------------------------------------------------------

FormatKind kind_of(const Decoder& d) {
  switch (d.code) {
    case JERR_NO_BACKING_STORE:
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
      return FormatKind::kTooLarge;
    case JERR_EMPTY_IMAGE:
      return FormatKind::kBadShape;
    case JERR_SOF_DUPLICATE:
    case JERR_SOI_DUPLICATE:
      return FormatKind::kDuplicate;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_COMPONENT_COUNT:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOTIMPL:
      return FormatKind::kUnsupported;
    default:
      return d.info.output_height == 0 ? FormatKind::kBadHeader : FormatKind::kCorrupt;
  }
}

class JpegReader {
 public:
  JpegReader(std::span<const std::byte> bytes, std::string_view path) : bytes_(bytes), path_(path) {
    d_->info.err = jpeg_std_error(&d_->errors);
    d_->info.client_data = d_.get();
    d_->errors.error_exit = refuse;
    d_->errors.output_message = print_nothing;
    d_->errors.emit_message = note;
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&d_->info); }

  Image read();

 private:
  [[noreturn]] void fail() const;
  [[noreturn]] void fail(FormatKind kind, const std::string& what) const {
    throw FormatError(kind, path_, -1, what);
  }
  [[noreturn]] void fail_end() const {
    fail(FormatKind::kTruncated, "the file ends before the end of the image; download it again");
  }

  void check_size() const;
  void check_scans() const;
  Image read_pixels();
  Image read_inks();

  std::span<const std::byte> bytes_;
  std::string_view path_;
  std::unique_ptr<Decoder> d_ = std::make_unique<Decoder>();  // it does not move: libjpeg points in
};

void JpegReader::fail() const {
  if (d_->code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
  if (d_->code == 0) {
    fail(FormatKind::kTooLarge,
         fmt::format("{} scans, more than any encoder writes", d_->info.input_scan_number));
  }
  if (d_->ended) fail_end();
  const FormatKind kind = kind_of(*d_);
  const char* advice = kind == FormatKind::kUnsupported
                           ? "save it as a JPEG of 8 bits, baseline or progressive"
                           : "download it again";
  fail(kind, fmt::format("{}; {}", d_->message.data(), advice));
}

void JpegReader::check_size() const {
  const jpeg_decompress_struct& info = d_->info;
  const int64_t width = info.image_width;
  const int64_t height = info.image_height;
  check_pixels(width, height, path_);
  const int64_t mcus = ceil_div(width, int64_t{DCTSIZE} * info.max_h_samp_factor) *
                       ceil_div(height, int64_t{DCTSIZE} * info.max_v_samp_factor);
  int64_t blocks_per_mcu = 0;
  for (int i = 0; i < info.num_components; ++i) {
    blocks_per_mcu += int64_t{info.comp_info[i].h_samp_factor} * info.comp_info[i].v_samp_factor;
  }
  // Huffman's codes have a bit at least, and every block has one for its mean.
  if (info.arith_code == FALSE && mcus * blocks_per_mcu > 8 * static_cast<int64_t>(bytes_.size())) {
    fail(FormatKind::kTruncated, fmt::format("{} x {} pixels cannot be in a file of {} bytes",
                                             width, height, bytes_.size()));
  }
  check_pixel_bytes(width, height, info.num_components == 1 ? 1 : 3, bytes_.size(), path_);
}

// After all scans of a picture that has several: none may be missing.
void JpegReader::check_scans() const {
  const jpeg_decompress_struct& info = d_->info;
  for (int i = 0; i < info.num_components; ++i) {
    // Taken along by a component's first scan.
    if (info.comp_info[i].quant_table == nullptr) {
      fail(FormatKind::kTruncated, fmt::format("component {} has no scan", i));
    }
    if (!d_->ended || info.progressive_mode == FALSE) continue;
    // How many bits of each coefficient are still to come.
    const std::span<const int> bits(info.coef_bits[i], DCTSIZE2);
    if (std::ranges::any_of(bits, [](int missing) { return missing != 0; })) fail_end();
  }
}

Image JpegReader::read_pixels() {
  const jpeg_decompress_struct& info = d_->info;
  Image image = {info.output_width, info.output_height, info.output_components, {}};
  const size_t pitch = size_t{info.output_width} * static_cast<size_t>(image.channels);
  image.pixels.resize(pitch * info.output_height);
  if (!read_rows(*d_, image.pixels.data(), pitch, info.output_height)) fail();
  return image;
}

// CMYK as Adobe's programs store it, 255 for no ink; RGB as Pillow makes it: what black leaves of
// the light, times what the other inks leave, rounded.
Image JpegReader::read_inks() {
  const jpeg_decompress_struct& info = d_->info;
  Image image = {info.output_width, info.output_height, 3, {}};
  image.pixels.resize(3 * size_t{info.output_width} * info.output_height);
  std::vector<uint8_t> row(kInks * size_t{info.output_width});
  uint8_t* to = image.pixels.data();
  for (int64_t y = 0; y < image.height; ++y) {
    if (!read_rows(*d_, row.data(), 0, 1)) fail();
    for (const uint8_t* from = row.data(); from != row.data() + row.size(); from += kInks) {
      const unsigned light = from[3];
      for (int c = 0; c < 3; ++c) {
        const unsigned product = (255U - from[c]) * light + 128;
        *to++ = static_cast<uint8_t>(light - ((product + (product >> 8)) >> 8));
      }
    }
  }
  return image;
}

Image JpegReader::read() {
  if (!read_header(*d_, reinterpret_cast<const JOCTET*>(bytes_.data()), bytes_.size())) fail();
  check_size();
  const int components = d_->info.num_components;
  if (components != 1 && components != 3 && components != kInks) {
    fail(FormatKind::kUnsupported,
         fmt::format("{} components; convert the picture to RGB", components));
  }
  const J_COLOR_SPACE colours =
      components == 1 ? JCS_GRAYSCALE : (components == 3 ? JCS_RGB : JCS_CMYK);
  if (!start(*d_, colours)) fail();
  if (jpeg_has_multiple_scans(&d_->info) != FALSE) check_scans();
  Image image = components == kInks ? read_inks() : read_pixels();
  // Arithmetic codes go on behind their end: nobody can tell whether all were there.
  if (d_->ended && d_->info.arith_code != FALSE) fail_end();
  return image;
}

}  // namespace

Image decode_jpeg(std::span<const std::byte> bytes, std::string_view path) {
  if (!is_jpeg(bytes)) throw FormatError(FormatKind::kBadMagic, path, 0, "not a JPEG file");
  return JpegReader(bytes, path).read();
}

}  // namespace vitrine
