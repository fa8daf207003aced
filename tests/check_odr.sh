#!/bin/sh
# check_odr.sh OBJECT...: kernels are compiled with flags that not every processor has, so the linker
# must have no choice between two of their symbols. Weak and common symbols, and global ones outside
# vitrine::kernels::<isa>, are refused. DW.ref.* is a pointer to the exception handler, not code.
set -eu
[ $# -gt 0 ] || { echo "lint: check_odr.sh was given no kernel objects" >&2; exit 1; }
bad=$(for object in "$@"; do
  isa=$(basename "$(dirname "$object")")
  nm -C --defined-only "$object" |
    awk -v o="$object" -v isa="vitrine::kernels::$isa::" \
      '/ DW\.ref\./ { next }
       $2 ~ /^[WVuC]$/ || ($2 ~ /^[TDBRG]$/ && index($0, isa) == 0) { print o ": " $0 }'
done)
if [ -n "$bad" ]; then
  echo "$bad" >&2
  echo "lint: these symbols could replace those of another ISA: make them static, inline them, or move them" >&2
  exit 1
fi
echo "lint: $# kernel objects share no symbol"
