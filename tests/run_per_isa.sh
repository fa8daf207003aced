#!/bin/sh
# run_per_isa.sh NAME COUNTS PROGRAM COMMAND...: runs COMMAND once under every ISA that PROGRAM says this
# processor has, and leaves the counts in COUNTS/NAME.ISA.count. VITRINE_ISA restricts it to one.
set -u
name=$1
counts=$2
isas=${VITRINE_ISA:-$("$3" --version | sed -n 's/^runs //p')}
shift 3
for isa in $isas; do
  log=$counts/$name.$isa.log
  if [ "$name" = unit ]; then
    VITRINE_ISA=$isa "$@" --durations no >"$log" 2>&1
    status=$?
    # Catch2: "All tests passed (N assertions in M test cases)" or "test cases: M | P passed | F failed"
    count=$(sed -n -E 's/^All tests passed \(.* in ([0-9]+) test cases?\)$/\1 0 0/p
      s/^test cases: *[0-9]+ \| *([0-9]+) passed \| *([0-9]+) failed.*/\1 \2 0/p
      s/^test cases: *([0-9]+) \| *([0-9]+) failed.*/0 \2 0/p' "$log" | tail -n 1)
  else
    VITRINE_ISA=$isa "$@" >"$log" 2>&1
    status=$?
    count=$(sed -n -E 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log" | tail -n 1)
  fi
  [ -n "$count" ] || count="0 1 0"
  set_failed=${count#* }
  # A crash after the last count is a failure too.
  [ $status -ne 0 ] && [ "${set_failed%% *}" -eq 0 ] && count="${count%% *} 1 0"
  echo "$count" >"$counts/$name.$isa.count"
  if [ $status -eq 0 ]; then
    if [ "$name" = unit ]; then line="${count%% *} test cases passed"; else line=$(tail -n 1 "$log"); fi
    printf '%-8s %-10s %s\n' "$name" "$isa" "$line"
  else
    printf '%-8s %-10s FAILED (status %s); the end of %s:\n' "$name" "$isa" "$status" "$log"
    tail -n 40 "$log"
  fi
done
exit 0
