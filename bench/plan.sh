#!/usr/bin/env bash
# The planner: Gillis's predictions by its own search and by ours, planning time, and how it grows.
#
#   bench/plan.sh BUILD [MODELS]
#
# Planning only: no piece is built. Full-size networks are made in MODELS (default: BUILD/models;
# 7 GB, kept). Writes bench/results/plan.json.
set -euo pipefail
build=$(realpath "${1:?BUILD}") models=${2:-$1/models}
root=$(realpath "$(dirname "$0")/..")
mkdir -p "$models"
models=$(realpath "$models")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
before=$(cut -d' ' -f1 /proc/loadavg)

plan() { # NAME MODEL FLAGS...: one line of the results
    local name=$1 model=$2
    shift 2
    [ -f "$models/$model.onnx" ] || "$build/fanfold" zoo "$model" -o "$models/$model.onnx" > /dev/null
    "$build/fanfold" plan "$models/$model.onnx" -o "$work/plan.json" --json "$@" > "$work/out.json" 2> "$work/err"
    printf '%s\t%s\t%s\t%s\n' "$name" "$model" "$*" "$(tr -d '\n' < "$work/out.json")" >> "$work/plans"
}

for model in vgg11 vgg16 vgg19 wrn34-3 wrn34-4 wrn50-3; do
    base=(--network gillis-lambda --compute gillis-lambda)
    plan single $model "${base[@]}" --planner single
    plan gillis $model "${base[@]}" --planner gillis
    plan auto4 $model "${base[@]}" --workers 4
    plan auto $model "${base[@]}"
    plan codec $model "${base[@]}" --codec aws-lambda
done
for model in resnet50-v1 resnet152-v2 vgg16 vgg19 wrn34-3 wrn34-4 wrn34-5 wrn50-3; do
    for planner in single gillis auto; do
        plan aws-$planner $model --network aws-lambda --compute epyc-avx512 --memory 3008 --planner $planner
    done
    for run in 1 2 3 4 5; do
        plan speed $model --network aws-lambda --compute epyc-avx512 --memory 3008
        plan speed-gillis $model --network aws-lambda --compute gillis-lambda --memory 3008
    done
done
"$build/bench_plan" "$root/profiles/network/aws-lambda.json" "$root/profiles/compute/epyc-avx512.json" > "$work/depth"
after=$(cut -d' ' -f1 /proc/loadavg)
python3 - "$work/plans" "$work/depth" "$root/bench/results/plan.json" "$before" "$after" << 'EOP'
import datetime, json, platform, sys

plans, depth, out, before, after = sys.argv[1:]
published = {"vgg11": 457, "vgg16": 713, "vgg19": 879, "wrn34-3": 1764, "wrn34-4": 2672, "wrn50-3": 1817}
default = {"vgg11": 713, "vgg16": 1234, "vgg19": 1507, "wrn34-3": 2121, "wrn34-4": 3697, "wrn50-3": 2523}
gillis, aws, speed = {}, {}, {}
for line in open(plans):
    name, model, flags, text = line.rstrip("\n").split("\t")
    p = json.loads(text)
    told = p["predicted"]
    if name.startswith("speed"):
        compute = "epyc-avx512" if name == "speed" else "gillis-lambda"
        speed.setdefault(model, {"nodes": p["model"]["nodes"]}).setdefault(compute, []).append(p["planning_ms"])
    elif name.startswith("aws-"):
        aws.setdefault(model, {})[name[4:]] = {
            "latency_ms": round(told["latency_ms"], 1), "p99_ms": round(told["p99_ms"], 1),
            "cost_usd": told["cost_usd"], "stages": len(p["stages"])}
    else:
        gillis.setdefault(model, {})[name] = round(told["mean_ms"], 1)
for model, row in gillis.items():
    row["published"], row["published_single"] = published[model], default[model]
    for name in ("gillis", "auto4", "auto", "codec"):
        row[name + "_ratio"] = round(row[name] / row["published"], 3)
for row in speed.values():
    for compute in ("epyc-avx512", "gillis-lambda"):
        row[compute] = {"n": len(row[compute]), "min_ms": round(min(row[compute]), 1),
                        "max_ms": round(max(row[compute]), 1)}
cpu = next(l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name"))
result = {
    "benchmark": "plan", "command": "bench/plan.sh BUILD",
    "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
    "machine": cpu, "system": platform.system() + " " + platform.release(),
    "load_before": float(before), "load_after": float(after),
    "gillis_mean_ms": gillis, "aws_lambda_3008": aws, "planning": speed,
    "depth": [dict(zip(("units", "nodes", "cpu_ms"), (int(a), int(b), float(c))))
              for a, b, c in (l.split() for l in open(depth))],
}
with open(out, "w") as f:
    json.dump(result, f, indent=1)
    f.write("\n")
for model, row in gillis.items():
    print(model, row)
for model, row in speed.items():
    print(model, row)
EOP
