#!/usr/bin/env python3
"""Verifies every network of the zoo, at full width, in every split.

  bench/zoo.py BUILD [--minutes N] [--again] [NAME...]   makes the rows that are missing
  bench/zoo.py --page                                    prints docs/zoo-verify.md
  bench/zoo.py --check                                   are all recorded rows right, all aims met

A row is a network and a split: planned, built, verified, the bundle removed. Results are kept in
bench/results/zoo.json, written after every row. A row that is there, was right, and was made with
the same width, seed and version is not made again, unless --again says so. Networks come in the
order of their size; no row is begun after N minutes (default 15), and one that takes the command
over N + 4 is ended: it stays for the next time. Exit code 1 when a row is not right.
"""
import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench/results/zoo.json"
PAGE = ROOT / "docs/zoo-verify.md"
GRIDS = ["grid 1x2", "grid 2x2", "grid 1x4", "grid 2x4"]
DIVIDING = ["channel 2", "channel 4", "channel 8", "reduce 2", "heads 2", "heads 4"]
CHAIN = "offload chain"
SPLITS = ["local", *GRIDS, *DIVIDING, CHAIN]
# The halo's aim: network, grid, grid stages, extra FLOPs at most.
AIMS = [("vgg16", "2x2", 4, 0.10), ("resnet50-v1", "2x2", 7, 0.16)]
GRACE_S = 240


class OutOfTime(Exception):
    pass


def machine():
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    name = cpu.group(1) if cpu else os.uname().machine
    return f"{name}, {os.cpu_count()} CPUs, {os.uname().sysname} {os.uname().release}"


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ")


class Fanfold:
    """The program, until a point in time; `peak` is the last command's most anonymous memory."""

    def __init__(self, build, folder, end):
        self.program, self.folder, self.end, self.peak = build / "fanfold", folder, end, 0

    def __call__(self, *args, codes=(0,)):
        job = subprocess.Popen([self.program, *args], cwd=self.folder, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.peak, done = 0, threading.Event()
        watch = threading.Thread(target=self.watch, args=(job.pid, done))
        watch.start()
        try:
            out, err = job.communicate(timeout=max(self.end - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            job.kill()
            job.communicate()
            raise OutOfTime from None
        finally:
            done.set()
            watch.join()
        if job.returncode not in codes:
            raise RuntimeError(f"fanfold {' '.join(args)}: exit code {job.returncode}: "
                               + err.strip()[-400:])
        return out

    def watch(self, pid, done):
        while not done.wait(0.02):
            try:
                text = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                return
            found = re.search(r"RssAnon:\s*(\d+)", text)
            self.peak = max(self.peak, int(found.group(1)) * 1024 if found else 0)


def load():
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": [], "halo": []}


def save(results, names, command):
    """One row a line, so that a diff shows what changed."""
    order = {n: i for i, n in enumerate(names)}
    results["rows"].sort(key=lambda r: (order.get(r["model"], len(order)), r["model"],
                                        SPLITS.index(r["split"])))
    head = {"benchmark": "zoo", "date": now(), "machine": machine(), "command": command, "n": 1,
            "statistic": "one run: what is looked at is whether it is right"}
    lines = [f"  {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
    for key in ("halo", "rows"):
        rows = ",\n".join("    " + json.dumps(r) for r in results[key])
        lines.append(f'  "{key}": [\n{rows}\n  ]' + ("," if key == "halo" else ""))
    write(RESULTS, "{\n" + "\n".join(lines) + "\n}\n")
    write(PAGE, page(results))


def write(path, text):
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)


def split_stages(stages):
    return [s for s in stages if s["split"] not in ("local", "offload")]


def plan_args(name, split):
    if split == CHAIN:
        return ["--split", "offload", "--stages", name.removeprefix("rnn-")]
    if split == "local":
        return ["--planner", "single"]
    kind, n = split.split()
    return ["--planner", "grid", "--grid", n] if kind == "grid" else ["--split", split]


def make_row(fanfold, name, split):
    begun = time.monotonic()
    fanfold("plan", "m.onnx", *plan_args(name, split), "-o", "plan.json")
    planned = json.loads((fanfold.folder / "plan.json").read_text())["stages"]
    row = {"model": name, "split": split, "stages": len(planned),
           "split_stages": len(split_stages(planned))}
    if row["split_stages"] == 0 and split not in ("local", CHAIN):
        return row | {"runs_whole": True, "ok": True}
    fanfold("build", "plan.json", "-o", "bundle")
    row["build_peak_bytes"] = fanfold.peak
    v = json.loads(fanfold("verify", "bundle", "--json", codes=(0, 17)))
    measured = split_stages(v["stages"]) or v["stages"]

    def total(key):
        return sum(s[key] for s in measured)

    extra = sum(s["whole_flops"] * s["halo_flops_ratio"] for s in measured)
    return row | {"pieces": v["pieces"], "ok": v["ok"], "difference": v.get("difference", ""),
                  "max_abs_error": v["max_abs_error"], "max_abs_reference": v["max_abs_reference"],
                  "weights_bytes": total("whole_weights_bytes"),
                  "weights_ratio": round(total("pieces_weights_bytes")
                                         / max(total("whole_weights_bytes"), 1), 4),
                  "largest_piece_bytes": max(s["largest_weights_bytes"] for s in measured),
                  "halo_flops_ratio": round(extra / max(total("whole_flops"), 1), 4),
                  "seconds": round(time.monotonic() - begun, 1)}


def make_halo(fanfold):
    """The aims' plans: what the pieces of all grid stages compute beyond those stages."""
    rows = []
    for name, grid, stages, most in AIMS:
        fanfold("zoo", name, "-o", "m.onnx")
        fanfold("plan", "m.onnx", "--grid", grid, "--stages", str(stages), "-o", "plan.json")
        planned = json.loads((fanfold.folder / "plan.json").read_text())["stages"]
        grids = split_stages(planned)
        extra = sum(s["flops"] * s["halo_flops_ratio"] for s in grids)
        whole = sum(s["flops"] for s in grids)
        rows.append({"model": name, "grid": grid, "grid_stages": len(grids), "wanted": stages,
                     "halo_flops_ratio": round(extra / max(whole, 1), 4), "at_most": most,
                     "of_the_models_flops": round(whole / sum(s["flops"] for s in planned), 4)})
    return rows


def run(args):
    build = Path(args.build).resolve()
    begun = time.monotonic()
    version = subprocess.run([build / "fanfold", "--version"], capture_output=True, text=True,
                             check=True).stdout.strip()
    key = f"{version}, width 1/1, seed 1"
    results = load()
    command = "bench/zoo.sh BUILD " + " ".join(sys.argv[2:])
    with tempfile.TemporaryDirectory(prefix="fanfold-zoo-") as folder:
        fanfold = Fanfold(build, Path(folder), begun + args.minutes * 60 + GRACE_S)
        sizes = json.loads(fanfold("zoo", "--list", "--json"))
        names = [n["name"] for n in sorted(sizes, key=lambda n: n["flops"] + 50 * n["parameters"])]
        for name in args.names:
            if name not in names:
                sys.exit(f"zoo.py: no network '{name}' in fanfold zoo --list")
        results["halo"] = make_halo(fanfold)
        wanted = [(n, s) for n in names for s in SPLITS
                  if (not args.names or n in args.names) and (s != CHAIN or n.startswith("rnn-"))]
        made = {(r["model"], r["split"]) for r in results["rows"]
                if r["key"] == key and r["ok"] and not args.again}
        left = [w for w in wanted if w not in made]
        there = None
        while left and time.monotonic() - begun < args.minutes * 60:
            name, split = left[0]
            try:
                if there != name:
                    for old in Path(folder).glob("m.onnx*"):
                        old.unlink()
                    fanfold("zoo", name, "-o", "m.onnx")
                    there = name
                row = make_row(fanfold, name, split)
            except OutOfTime:
                break
            except RuntimeError as e:
                row = {"model": name, "split": split, "ok": False, "difference": str(e)}
            shutil.rmtree(Path(folder) / "bundle", ignore_errors=True)
            row |= {"date": now(), "key": key}
            results["rows"] = [r for r in results["rows"]
                               if (r["model"], r["split"]) != (name, split)] + [row]
            save(results, names, command)
            print(f"{name:16} {split:14} {cell(row)}  {row.get('difference', '')}", flush=True)
            left.pop(0)
    save(results, names, command)
    print(f"{len(wanted) - len(left)} of {len(wanted)} rows are there"
          + (f"; left: {len(left)}, from {' '.join(left[0])} on. Run the command again." if left else ""))
    wrong = [r for r in results["rows"] if not r["ok"]]
    for r in wrong:
        print(f"WRONG {r['model']} {r['split']}: {r['difference']}")
    return 1 if wrong else 0


def cell(row):
    if row is None:
        return "-"
    if not row["ok"]:
        return "**wrong**"
    if row.get("runs_whole"):
        return "whole"
    relative = row["max_abs_error"] / row["max_abs_reference"]
    return "0" if relative == 0 else f"{relative:.0e}".replace("e-0", "e-")


def table(head, rows):
    return "\n".join("| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *rows]) + "\n"


def matrix(results, splits, show):
    rows = {(r["model"], r["split"]): r for r in results["rows"]}
    models = list(dict.fromkeys(r["model"] for r in results["rows"]))
    return table(["network", *splits],
                 [[m, *(show(rows.get((m, s))) for s in splits)] for m in models])


def measured(show):
    def text(row):
        there = row is not None and "halo_flops_ratio" in row
        return show(row) if there else "" if row is None or not row.get("runs_whole") else "whole"
    return text


def page(results):
    rows = [r for r in results["rows"] if "pieces" in r]
    dividing = [r["weights_ratio"] for r in rows if r["split"] in DIVIDING]
    peaks = [(r["build_peak_bytes"] / r["weights_bytes"], r) for r in rows
             if r["split"] == "local" and r["weights_bytes"] > 500_000_000]
    text = f"""# The zoo, verified

Made by `bench/zoo.sh BUILD` from `bench/results/zoo.json` (machine, dates, each row in full); do not edit. Each row there
is a network at full width and a split: planned, built, and verified against the whole model on one seeded input. The
command goes on where it stopped and takes under 20 minutes each time.

{len(results["rows"])} rows, {sum(not r["ok"] for r in results["rows"])} wrong; {len(rows)} ran in pieces, {len(results["rows"]) - len(rows)} run whole because the split passes nowhere in the network.

## Error

The largest difference from the whole model's output, divided by that output's largest value; at most 1e-4 is right.
`local` is the model as one piece on the master, `offload chain` an LSTM layer a worker.

{matrix(results, SPLITS, cell)}
## Halo

What the pieces of the grid stages compute beyond those stages, in per cent of their FLOPs, at the planner's own number of
stages.

{matrix(results, GRIDS, measured(lambda r: f"{r['halo_flops_ratio'] * 100:.1f} %, {r['split_stages']} of {r['stages']} stages"))}
The aims, from `fanfold plan --grid RxC --stages N`:

{table(["network", "grid", "grid stages", "halo", "aim", "share of the network's FLOPs in them"],
       [[h["model"], h["grid"], str(h["grid_stages"]), f"{h['halo_flops_ratio'] * 100:.1f} %",
         f"at most {h['at_most'] * 100:.0f} %", f"{h['of_the_models_flops'] * 100:.1f} %"] for h in results["halo"]])}
## Weights

Of the split stages: the weights of all pieces as a multiple of the stages' own, and the largest piece. Over all rows the
multiple is at most {max(dividing, default=0):.3f} (1.02 is allowed).

{matrix(results, DIVIDING, measured(lambda r: f"{r['weights_ratio']:.2f} x, {r['largest_piece_bytes'] / 1e6:.1f} MB"))}"""
    if peaks:
        worst, row = max(peaks, key=lambda p: p[0])
        text += f"""
Building {row["model"]} as one piece took {worst:.2f} x its weights of {row["weights_bytes"] / 1e6:.0f} MB in anonymous memory, the most of
the networks over 500 MB.
"""
    return text


def check(results):
    """What is wrong with what is recorded, line by line; a network's values are of order 1 to 100."""
    rows = [r for r in results["rows"] if "pieces" in r]
    faults = [f"{r['model']} {r['split']}: {r['difference']}" for r in results["rows"] if not r["ok"]]
    faults += [f"{r['model']} {r['split']}: error {r['max_abs_error']} of {r['max_abs_reference']}"
               for r in rows if not (r["max_abs_error"] <= 1e-4 * r["max_abs_reference"]
                                     and 0 < r["max_abs_reference"] < 100)]
    faults += [f"{r['model']} {r['split']}: {r['weights_ratio']} x the weights"
               for r in rows if r["split"] in DIVIDING and r["weights_ratio"] > 1.02]
    faults += [f"{h['model']} {h['grid']}: halo {h['halo_flops_ratio']}, {h['at_most']} at most, in "
               f"{h['grid_stages']} stages" for h in results["halo"]
               if h["halo_flops_ratio"] > h["at_most"] or h["grid_stages"] != h["wanted"]]
    if len(rows) == 0 or len(results["halo"]) != len(AIMS):
        faults.append("nothing is recorded")
    return faults


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build", nargs="?")
    p.add_argument("names", nargs="*")
    p.add_argument("--minutes", type=float, default=15)
    p.add_argument("--again", action="store_true")
    p.add_argument("--page", action="store_true")
    p.add_argument("--check", action="store_true")
    args = p.parse_intermixed_args()
    if args.page:
        sys.stdout.write(page(load()))
        return 0
    if args.check:
        results = load()
        faults = check(results)
        print("\n".join(faults + [f"{len(results['rows'])} rows, {len(faults)} faults"]))
        return 1 if faults else 0
    if args.build is None:
        p.error("which build?")
    return run(args)


if __name__ == "__main__":
    sys.exit(main())
