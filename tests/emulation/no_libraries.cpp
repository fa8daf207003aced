// The aarch64 build runs kernel tests and golden data under emulation; Debian has no zlib and no
// libjpeg for it here, and none of that reads compressed files or JPEG. Every call is refused, so a
// reader that came this way would report an error.

#include <zlib.h>

#include <cstdio>
// After it: it needs FILE.
#include <jpeglib.h>

extern "C" {
int inflateInit_(z_streamp, const char*, int) { return Z_VERSION_ERROR; }
int inflateInit2_(z_streamp, int, const char*, int) { return Z_VERSION_ERROR; }
int inflate(z_streamp, int) { return Z_STREAM_ERROR; }
int inflateEnd(z_streamp) { return Z_STREAM_ERROR; }
int inflateReset(z_streamp) { return Z_STREAM_ERROR; }
int uncompress(Bytef*, uLongf*, const Bytef*, uLong) { return Z_STREAM_ERROR; }
uLong crc32_z(uLong, const Bytef*, z_size_t) { return 0; }

static void say_nothing(j_common_ptr, char* text) { *text = '\0'; }
jpeg_error_mgr* jpeg_std_error(jpeg_error_mgr* errors) {
  errors->format_message = say_nothing;
  return errors;
}
void jpeg_CreateDecompress(j_decompress_ptr info, int, size_t) {
  info->err->error_exit(reinterpret_cast<j_common_ptr>(info));
}
void jpeg_destroy_decompress(j_decompress_ptr) {}
int jpeg_read_header(j_decompress_ptr, boolean) { return JPEG_SUSPENDED; }
boolean jpeg_start_decompress(j_decompress_ptr) { return FALSE; }
boolean jpeg_has_multiple_scans(j_decompress_ptr) { return FALSE; }
boolean jpeg_resync_to_restart(j_decompress_ptr, int) { return FALSE; }
JDIMENSION jpeg_read_scanlines(j_decompress_ptr, JSAMPARRAY, JDIMENSION) { return 0; }
}
