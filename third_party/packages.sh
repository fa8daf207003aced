#!/bin/sh
# packages.sh check|install GROUP...
# check: status 1 and the exact command if a package of the groups in packages.txt is missing or too
# old. install: installs what is missing, with sudo when not root.
set -eu
list=$(dirname "$0")/packages.txt
action=$1
shift

# make asks for several groups at a time; one installs, the others wait for it.
if [ "$action" = install ]; then
  exec 9<"$list"
  flock 9
fi

missing=
for group in "$@"; do
  for pair in $(awk -F'|' -v g="$group" '!/^#/ && NF > 3 {
        gsub(/ /, "", $1); gsub(/ /, "", $2); gsub(/ /, "", $3); if ($3 == g) print $1 "=" $2 }' "$list"); do
    name=${pair%%=*}
    wanted=${pair#*=}
    have=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$name" 2>/dev/null || true)
    case $have in
      "installed "*) dpkg --compare-versions "${have#installed }" ge "$wanted" && continue ;;
    esac
    missing="$missing $name"
  done
done
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" -eq 0 ] || sudo="sudo "
if [ "$action" = check ]; then
  echo "missing Debian packages; install them with" >&2
  echo "  ${sudo}apt-get install -y --no-install-recommends$missing" >&2
  exit 1
fi
echo "installing$missing"
# The system's own updates may hold dpkg's lock for a while.
apt() { ${sudo}env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@"; }
if ! apt install -y --no-install-recommends $missing >/dev/null 2>&1; then
  # The lists may be missing or old.
  apt update
  apt install -y --no-install-recommends $missing >/dev/null
fi
