#!/usr/bin/env bash
# A tensor's round trip by each route against a bare socket echo, 8 KB to 4 MB.
#
#   bench/transport.sh BUILD [RUNS]
#
# BUILD is a release build. Writes bench/results/transport.json.
set -euo pipefail
build=$(realpath "${1:?BUILD}") runs=${2:-30}
root=$(realpath "$(dirname "$0")/..")
mkdir -p "$root/bench/results"
"$build/bench_transport" --program "$build/fanfold-function" --runs "$runs" \
    -o "$root/bench/results/transport.json"
