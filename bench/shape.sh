#!/usr/bin/env bash
# A known network profile at dilations 1, 4 and 8: undilated times are the same.
#
#   bench/shape.sh BUILD [RUNS]
#
# BUILD is a release build. Writes bench/results/shape.json. About 8 minutes.
set -euo pipefail
build=$(realpath "${1:?BUILD}") runs=${2:-9}
root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$build/fanfold" zoo vgg11 --width 1/2 -o m.onnx > zoo.txt
"$build/fanfold" plan m.onnx --split offload --stages 1 -o plan.json > plan.txt
"$build/fanfold" build plan.json -o cpu > build.txt 2>&1
"$build/bench_shape" --program "$build/fanfold-function" --cpu cpu --runs "$runs" \
    --network "$root/profiles/network/aws-lambda.json" -o "$root/bench/results/shape.json"
