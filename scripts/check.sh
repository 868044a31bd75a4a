#!/bin/sh
# Checks what `go test` cannot: shellcheck over the scripts, systemd's own reading and rating of the unit.
# A tool that is missing is an error that names its package, never a check left out.
set -eu
cd "$(dirname "$0")/.."

# Tenths of systemd-analyze's exposure level, of 100. A gateway cannot go much below 14: it must have the network
# (5 + 3), its peers' addresses are not known beforehand (2), it may bind ports below 1024 (1), and it says which of its
# threads are urgent, by a system call of a group that is refused otherwise (1).
EXPOSURE_LIMIT=15

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null || { echo "check-scripts: $1 is missing: apt-get install $2" >&2; exit 1; }
}
need shellcheck shellcheck
need systemd-analyze systemd
need logrotate logrotate

shellcheck scripts/*.sh .ci/run
echo 'check-scripts: shellcheck has nothing to say'

# logrotate reads its file as root only, and wants the user and the folder to be there: a copy names ones which always are.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -e "s|su graygate graygate|su $(id -un) $(id -gn)|" -e "s|/var/log/graygate|$work|" examples/logrotate/graygate >"$work/rotation"
chmod 0644 "$work/rotation"
echo line >"$work/access.log"
said=$(logrotate --debug --force --state "$work/state" "$work/rotation" 2>&1) || { echo "$said" >&2; exit 1; }
if printf '%s\n' "$said" | grep -i '^error' >&2; then
    exit 1
fi
printf '%s\n' "$said" | grep -q 'renaming .*access.log to' || { echo "$said" >&2; exit 1; }
echo 'check-scripts: logrotate would rotate the access log'

unit=scripts/graygate.service
# verify wants the binary and the user to be there; a copy that names ones which always are keeps everything else checked.
sed -e 's|/usr/local/bin/graygate|/bin/true|' -e 's|^User=.*|User=daemon|' -e 's|^Group=.*|Group=daemon|' "$unit" >"$work/graygate.service"
said=$(systemd-analyze verify --man=no "$work/graygate.service" 2>&1) || { echo "$said" >&2; exit 1; }
if printf '%s\n' "$said" | grep -F "$work/graygate.service" >&2; then
    exit 1 # verify exits 0 on a setting that it ignores, and says so in one line that names the file
fi
echo 'check-scripts: systemd-analyze verify has nothing to say'

systemd-analyze security --offline=true --threshold="$EXPOSURE_LIMIT" --no-pager "$work/graygate.service" >"$work/rating" || {
    grep -v '^✓' "$work/rating" >&2
    exit 1
}
grep 'Overall exposure level' "$work/rating"
