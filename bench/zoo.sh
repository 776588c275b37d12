#!/usr/bin/env bash
# The whole zoo at full width, in every split, against the whole models; goes on where it stopped.
#
#   bench/zoo.sh BUILD [--minutes N] [--again] [NAME...]
#
# BUILD is a release build. Writes bench/results/zoo.json and docs/zoo-verify.md.
set -euo pipefail
build=$(realpath "${1:?BUILD}")
shift
exec python3 "$(dirname "$0")/zoo.py" "$build" "$@"
