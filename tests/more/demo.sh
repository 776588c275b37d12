#!/usr/bin/env bash
# The demo runs to its end: one request a strategy, and a ResNet of plain width.
set -eu
FANFOLD_DEMO_RUNS=1 FANFOLD_DEMO_MODEL=wrn50-1 bash tools/demo "${1:?usage: demo.sh BUILD}"
