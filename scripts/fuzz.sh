#!/bin/sh
# Decides PAIRS random pairs of a rule set and a request by the rule index, and as often by each of what it has to agree
# with: the rules in order, expr's VM, and an interpreter of their text. Then runs every fuzz target of the module, one
# after another, each for FUZZTIME. Stops at the first that fails.
# New inputs that fail are written by `go test` under testdata/fuzz of the package: commit them with the fix.
set -eu
cd "$(dirname "$0")/.."

go=${GO:-go}
fuzztime=${FUZZTIME:-30s}
pairs=${PAIRS:-1000000}

echo "fuzz: $pairs pairs for each of three oracles"
$go test -count 1 -v -run '^(TestIndexEqualsOrder|TestFirstMatchEqualsExpr|TestFirstMatchEqualsInterpreter)$' ./match -pairs "$pairs"

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
    # Hardly any minimisation: several targets spend most of their time on making new inputs smaller, and try 6 to 40 times as many without.
    $go test -run '^$' -fuzzminimizetime 1x -fuzz "^$name\$" -fuzztime "$fuzztime" "$package" </dev/null
done <<LIST
$targets
LIST
