#!/bin/sh
# run_per_isa.sh NAME COUNTS PROGRAM COMMAND...: runs every COMMAND once under each ISA that PROGRAM says
# this processor has, and leaves the sums in COUNTS/NAME.ISA.count. VITRINE_ISA restricts it to one.
# NAME is unit, where the commands are Catch2's programs, or golden. What is skipped is counted and said.
set -u
name=$1
counts=$2
isas=${VITRINE_ISA:-$("$3" --version | sed -n 's/^runs //p')}
shift 3
# skips_of LOG: a line for each test that was skipped (tests/skipped.hpp); of golden data, where they are listed.
skips_of() {
  sed -n -E 's/^ *(skipped: .*)/\1/p' "$1"
  kinds=$(sed -n '/^skipped, not offered:$/,/ passed, /p' "$1" | grep -c '^ *[0-9]* [^p]')
  [ "$kinds" -eq 0 ] || echo "skipped: $kinds kinds of cases that are not offered, listed in $1"
}
# count_of LOG: "passed failed skipped" as the program says it; nothing if it does not.
count_of() {
  if [ "$name" = unit ]; then
    skips=$(skips_of "$1" | wc -l)
    # Catch2: "All tests passed (N assertions in M test cases)" or "test cases: M | P passed | F failed"
    sed -n -E "s/^All tests passed \(.* in ([0-9]+) test cases?\)$/\1 0 $skips/p
      s/^test cases: *[0-9]+ \| *([0-9]+) passed \| *([0-9]+) failed.*/\1 \2 $skips/p
      s/^test cases: *([0-9]+) \| *([0-9]+) failed.*/0 \2 $skips/p
      ${only:+s/^No tests ran$/0 0 0/p}" "$1"
  else
    sed -n -E 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$1"
  fi | tail -n 1
}
for isa in $isas; do
  # A refinement (avx2+vnni) is what it refines, but for products of integers and of bf16.
  only=
  case $isa in *+*) [ "$name" = unit ] || continue; only="[int8],[bf16]" ;; esac
  passed=0 failed=0 skipped=0
  for command; do
    program=${command%% *}
    log=$counts/${program##*/}.$isa.log
    VITRINE_ISA=$isa $command $only >"$log" 2>&1
    status=$?
    count=$(count_of "$log")
    # No count, or a crash after the last one, is a failure too.
    case $status:$count in
      *:) count="0 1 0" ;;
      0:* | *" "[1-9]*" "*) ;;
      *) count="${count%% *} 1 0" ;;
    esac
    skips_of "$log" | sed "s/^/$name $isa ${program##*/}: /"
    passed=$((passed + ${count%% *}))
    rest=${count#* }
    failed=$((failed + ${rest%% *}))
    skipped=$((skipped + ${rest#* }))
    if [ $status -ne 0 ] || [ "${rest%% *}" -ne 0 ]; then
      printf '%-8s %-10s FAILED (%s, status %s); the end of %s:\n' "$name" "$isa" "${program##*/}" "$status" "$log"
      tail -n 40 "$log"
    fi
  done
  echo "$passed $failed $skipped" >"$counts/$name.$isa.count"
  printf '%-8s %-10s %s passed, %s failed, %s skipped\n' "$name" "$isa" "$passed" "$failed" "$skipped"
done
exit 0
