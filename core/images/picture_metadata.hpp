#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace vitrine {

/// What lies beside the pixels of a picture's file, empty where there is none.
struct PictureMetadata {
  std::string exif;  ///< a TIFF block, whatever stood in front of it
  std::string xmp;   ///< XML
};

/// Finds EXIF and XMP where cameras and editors put them:
///   JPEG   segments APP1; EXIF that is cut into several is put together, a header that is there
///          twice is none of it
///   PNG    the chunk eXIf, also with JPEG's header; else ImageMagick's raw profiles 'exif' and
///          'APP1', hexadecimal in text chunks (tEXt, zTXt, iTXt); XMP as text 'XML:com.adobe.xmp'
/// Of chunks that are there several times the last counts, as in Pillow. Damage ends the search;
/// it is never an error. Text unpacks to at most some MiB.
/// Source: CIPA DC-008 (Exif 2.32) 4.7.2; PNG specification, third edition, 11.3.4; Adobe's XMP
/// specification, part 3.
PictureMetadata picture_metadata(std::span<const std::byte> bytes);

}  // namespace vitrine
