#!/bin/sh
# Runs every fuzz target of the module, one after another, each for FUZZTIME; stops at the first that fails.
# New inputs that fail are written by `go test` under testdata/fuzz of the package: commit them with the fix.
set -eu
cd "$(dirname "$0")/.."

go=${GO:-go}
fuzztime=${FUZZTIME:-30s}

# `go test -list` prints the names of one package and then its "ok" line; this turns them into "package name" lines.
listing=$($go test -list '^Fuzz' ./...)
targets=$(printf '%s\n' "$listing" | awk '/^Fuzz/ { names[n++] = $1 } $1 == "ok" { for (i = 0; i < n; i++) print $2, names[i]; n = 0 }')
if [ -z "$targets" ]; then
    echo 'fuzz: no fuzz target found, which cannot be right' >&2
    exit 1
fi

count=$(printf '%s\n' "$targets" | wc -l)
at=0
while read -r package name; do
    at=$((at + 1))
    echo "fuzz: $at of $count: $name of $package, $fuzztime"
    # A short minimisation: otherwise a target may spend its whole time on making one new input smaller.
    $go test -run '^$' -fuzzminimizetime 20x -fuzz "^$name\$" -fuzztime "$fuzztime" "$package" </dev/null
done <<LIST
$targets
LIST
