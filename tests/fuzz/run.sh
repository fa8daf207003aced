#!/bin/sh
# run.sh SECONDS FUZZER...: runs every fuzzer for so long, with the malformed-file data as its corpus.
set -eu
seconds=$1
shift
for fuzzer in "$@"; do
  name=$(basename "$fuzzer")
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  "$fuzzer" -max_total_time="$seconds" -rss_limit_mb=2048 -artifact_prefix=build/fuzz/ "$corpus" \
    tests/golden/data/bad/* >"build/fuzz/$name.log" 2>&1 || { tail -n 30 "build/fuzz/$name.log"; exit 1; }
  echo "$name: $(grep -c '' "build/fuzz/$name.log") lines of log, no finding"
done
