#!/usr/bin/env bash
# Runs every fuzz target of the project, one after the other, for the time given (30s by default).
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}
count=0
for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | grep -v node_modules | xargs -n1 dirname | sort -u); do
  for target in $(grep -h -o '^func Fuzz[A-Za-z0-9_]*' "$package"/*_test.go | sed 's/^func //' | sort); do
    echo "fuzzing $package $target for $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "$package" >/tmp/usher-fuzz.$$ 2>&1 ||
      { cat /tmp/usher-fuzz.$$; rm -f /tmp/usher-fuzz.$$; exit 1; }
    count=$((count + 1))
  done
done
rm -f /tmp/usher-fuzz.$$
echo "$count fuzz targets found nothing"
