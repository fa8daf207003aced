#pragma once

namespace vitrine {

/// From now on the process says in one line that a file which it had mapped became shorter, or that
/// its disk failed, and ends with status 1: the system answers a touch of such a page with SIGBUS.
/// Files that are being written are temporary, so nothing half-written is left under its name.
void watch_bus_errors();

}  // namespace vitrine
