#!/usr/bin/env bash
# The recorded matrix of the zoo (bench/zoo.sh): docs/zoo-verify.md is made from it, no row of it is
# wrong, and the halo's aims are met.
set -u
cd "$(dirname "$0")/../.." || exit 1
if ! python3 bench/zoo.py --page | diff docs/zoo-verify.md -; then
    echo "docs/zoo-verify.md is not what bench/results/zoo.json gives: bench/zoo.py --page > docs/zoo-verify.md"
    exit 1
fi
python3 bench/zoo.py --check
