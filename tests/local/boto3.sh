#!/usr/bin/env bash
# The platform as boto3 sees it: tests/local/boto3_client.py against prog_platform, with objects in
# memory and then in a folder.
set -euo pipefail
build=$1
python3 -c 'import boto3' 2>/dev/null || {
    echo "skipped: Python's boto3 is not installed"
    exit 77
}
script=$PWD/tests/local/boto3_client.py
(source tests/support/platform.sh && start_platform "$build" && python3 "$script" "$bucket")
data=$(mktemp -d)
(source tests/support/platform.sh && start_platform "$build" "$data" && python3 "$script" "$bucket" keep)
(source tests/support/platform.sh && start_platform "$build" "$data" && python3 "$script" "$bucket" kept)
rm -rf "$data"
