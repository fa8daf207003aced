#pragma once

#include <cstdint>
#include <memory>

namespace vitrine {

/// `count` floats for what lives as long as a model, such as packed weights: aligned to 64 bytes,
/// uninitialised, not from the pool. Pieces lie side by side in huge pages, whatever their sizes:
/// whoever reads all weights of a model then meets a new page every 2 MiB and not every 4 KiB, and
/// nothing is lost to size classes. Where a piece dies, the next one of its size has its place, and
/// whole huge pages go back to the operating system. MemoryStats counts every piece as a new block
/// (core/memory.cpp). Any thread may ask. Throws std::bad_alloc if the operating system refuses.
std::shared_ptr<float> lasting_floats(int64_t count);

}  // namespace vitrine
