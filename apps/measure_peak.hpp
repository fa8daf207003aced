#pragma once

namespace vitrine {

/// Multiply-adds per second that the active ISA reaches on threads() threads when nothing is
/// loaded or stored, in GFLOP/s (2 per multiply-add); the best of some short runs of about
/// `seconds` together. Shared machines change their speed: measure it beside what it is compared
/// with.
double measure_peak(double seconds);

}  // namespace vitrine
