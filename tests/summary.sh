#!/bin/sh
# summary.sh COUNTS: adds up what ran; status 1 if something failed or nothing ran.
cat "$1"/*.count 2>/dev/null | awk '
  { passed += $1; failed += $2; skipped += $3 }
  END {
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0 || passed == 0
  }'
