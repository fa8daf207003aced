#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine {

/// The history of a run, metrics.jsonl: a line of JSON after some steps and after each epoch. Lines
/// are appended; a checkpoint counts those before it, which sync_metrics() puts on the disk first.

/// The whole lines of a file, without their ends; one that is not ended is being written, or was
/// cut off when its writer was killed, and is none. `least`: how many the checkpoint beside it
/// counts. Throws IoError if the file cannot be read, and FormatError(kTruncated) if it has fewer.
/// Time and memory are linear in the file.
std::vector<std::string> read_metrics(const std::string& path, int64_t least);

/// Throws IoError.
void append_metrics(const std::string& path, std::string_view line);
void sync_metrics(const std::string& path);

}  // namespace vitrine
