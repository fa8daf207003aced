#pragma once

namespace vitrine {

/// Multiply-adds per second that the active ISA reaches on threads() threads when nothing is
/// loaded or stored, in GFLOP/s (2 per multiply-add); the best of some short runs of about
/// `seconds` together. Shared machines change their speed: measure it beside what it is compared
/// with.
double measure_peak(double seconds);

/// The same of products of bytes, in 10^9 operations per second, by the instructions as they are
/// meant to be used: kernels::GemmInt8::peak.
double measure_int8_peak(double seconds);

/// The same of products of bf16; those of f32 where the ISA has none.
double measure_bf16_peak(double seconds);

/// What threads() threads together read from memory, in GB/s (10^9 bytes): 64 MiB each, four times
/// what most share of a last-level cache; the best of some runs, a tenth of a second
/// together.
double measure_bandwidth();

}  // namespace vitrine
