#!/bin/sh
# run.sh SECONDS FUZZER...: runs every fuzzer for so long. It starts from the malformed files of the
# golden data, JPEGs, configurations of every kind, the recipes, and what it found interesting before.
# An input may take ten seconds, a gigabyte at once and two altogether: what takes more is a finding, as a wrong
# access to memory is.
set -eu
seconds=$1
shift
for fuzzer in "$@"; do
  name=$(basename "$fuzzer")
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix=build/fuzz/ "$corpus" tests/golden/data/bad/*/ tests/core/data tests/fuzz/seeds apps/recipes >"build/fuzz/$name.log" 2>&1 ||
    { tail -n 30 "build/fuzz/$name.log"; exit 1; }
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log")
  echo "$name: $runs inputs in $seconds s, no finding"
done
