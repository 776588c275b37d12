#!/usr/bin/env bash
# The load benchmark on wrn50-3 (217 M parameters, 869 MB): from process start to the first answer.
#
#   bench/load.sh BUILD [RUNS]
#
# Writes bench/results/load.json. The model and its stored forms (2.6 GB) lie in BUILD/bench-load
# and are removed at the end, unless KEEP=1.
set -euo pipefail
build=$(realpath "${1:?BUILD}") runs=${2:-5}
root=$(realpath "$(dirname "$0")/..")
work=$build/bench-load
mkdir -p "$work"
[[ ${KEEP:-} == 1 ]] || trap 'rm -rf "$work"' EXIT

[[ -f $work/wrn50-3.onnx ]] || "$build/fanfold" zoo wrn50-3 -o "$work/wrn50-3.onnx"
"$build/bench_load" "$work/wrn50-3.onnx" --work "$work" --runs "$runs" \
    -o "$root/bench/results/load.json"
