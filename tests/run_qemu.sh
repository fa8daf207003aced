#!/bin/sh
# run_qemu.sh BUILD: kernel tests, golden operations and one small model on emulated processors:
# Nehalem (SSE4.2, no XSAVE), Haswell (AVX2, FMA) and aarch64 (NEON). Nothing emulates AVX-512.
# Emulation is a hundred times slower, so only kernel tests run, and the subset of the golden data.
set -eu
build=$1
data=tests/golden/data
status=0
one() {  # one NAME EMULATOR UNIT_TESTS GOLDEN_CHECK ISA
  name=$1; emulator=$2; units=$3; check=$4; isa=$5
  report "$name, kernels" "$emulator" "$isa" "$units" '[isa]'
  for family in ops models; do
    report "$name, golden $family" "$emulator" "$isa" "$check" "$data/$family"
  done
}
report() {  # report WHAT EMULATOR ISA COMMAND...: Haswell's emulator prints warnings on standard error
  what=$1; emulator=$2; isa=$3
  shift 3
  if VITRINE_ISA=$isa $emulator "$@" >"$build/qemu.log" 2>/dev/null; then
    echo "$what: $(grep . "$build/qemu.log" | tail -n 1)"
  else
    echo "$what: FAILED"
    tail -n 20 "$build/qemu.log"
    status=1
  fi
}
one "Nehalem (sse42)" "qemu-x86_64-static -cpu Nehalem" "$build/tests/unit_tests" "$build/tests/golden_check" sse42
one "Haswell (avx2)" "qemu-x86_64-static -cpu Haswell" "$build/tests/unit_tests" "$build/tests/golden_check" avx2
one "aarch64 (neon64)" "qemu-aarch64-static" "$build/neon/tests/kernel_tests" \
  "$build/neon/tests/golden_check" neon64
exit $status
