#pragma once

namespace vitrine {

/// Whether this thread runs a task of parallel work (core/parallel).
bool in_parallel_work();

}  // namespace vitrine
