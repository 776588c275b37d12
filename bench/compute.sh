#!/usr/bin/env bash
# The compute model of this machine: what `fanfold profile` measures, and how well it predicts whole
# pieces that the fit has not seen.
#
#   bench/compute.sh BUILD [MINUTES] [PROFILE]
#
# Writes bench/results/compute.json; the profile itself to PROFILE (default: BUILD/compute.json).
set -euo pipefail
build=$(realpath "${1:?BUILD}") minutes=${2:-10} profile=${3:-$build/compute.json}
root=$(realpath "$(dirname "$0")/..")
before=$(cut -d' ' -f1 /proc/loadavg)
"$build/fanfold" profile -o "$profile" --minutes "$minutes" --json > "$build/compute-run.json"
after=$(cut -d' ' -f1 /proc/loadavg)
python3 - "$build/compute-run.json" "$root/bench/results/compute.json" "$minutes" "$before" "$after" << 'EOF'
import datetime, json, platform, statistics, sys

run, out, minutes, before, after = sys.argv[1:]
with open(run) as f:
    measured = json.load(f)
pieces = measured.pop("pieces")


def summary(chosen):
    errors = [abs(p["predicted_ms"] / p["ms"] - 1) for p in chosen]
    return {"n": len(errors), "mean": round(statistics.mean(errors), 4),
            "median": round(statistics.median(errors), 4), "max": round(max(errors), 4)}


by = lambda key: {k: summary([p for p in pieces if p[key] == k]) for k in sorted({p[key] for p in pieces})}
result = {
    "benchmark": "compute",
    "command": f"bench/compute.sh BUILD {minutes}",
    "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
    "system": platform.system() + " " + platform.release(),
    "load_before": float(before), "load_after": float(after),
    **measured,
    "abs_error": {"all": summary(pieces), "over_1_ms": summary([p for p in pieces if p["ms"] > 1]),
                  "by_split": by("split"), "by_model": by("model")},
    "pieces": pieces,
}
with open(out, "w") as f:
    json.dump(result, f, indent=1)
    f.write("\n")
e = result["abs_error"]
print(f"{e['all']['n']} pieces: mean error {e['all']['mean']:.1%}, median {e['all']['median']:.1%}, "
      f"over 1 ms {e['over_1_ms']['mean']:.1%}; kernel {measured['vcpu_gmac_per_s']:.1f} GMAC/s")
EOF
