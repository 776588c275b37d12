#!/usr/bin/env bash
# Models over 2 GB, protobuf's limit: their weights lie in a file beside them. VGG-11 at 17/8 of its
# width, whose first fully connected layer alone has 1.9 GB, and 18 LSTM layers, one a worker.
# Building takes at most 1.3 x the weights in anonymous memory.
#
#   tests/more/over_2gb.sh BUILD
set -u
build=$(cd "${1:?usage: over_2gb.sh BUILD}" && pwd)
export PATH=$build:$PATH
. "$PWD/tests/support/watched.sh"
work=$(mktemp -d -p "${TMPDIR:-/tmp}")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
fail() { failed=$((failed + 1)); echo "FAILED $*"; }

free=$(df --output=avail -B1 . | tail -1)
[ "$free" -gt 6000000000 ] || { echo "skipped: 6 GB of room wanted in $work, found $free bytes"; exit 77; }
# try NETWORK SPLIT [STAGES]: from the zoo to a verified bundle.
try() {
    local name=$1 split=$2 weights
    rm -rf bundle
    weights=$(stat -c %s m.onnx.data)
    [ "$weights" -gt $((1 << 31)) ] || fail "$name: the weights are $weights bytes, over 2^31 wanted"
    [ "$(stat -c %s m.onnx)" -lt 1000000 ] || fail "$name: m.onnx holds weights"
    if fanfold plan m.onnx --split "$split" ${3:+--stages "$3"} -o plan.json > plan.txt &&
        watched fanfold build plan.json -o bundle > build.txt && fanfold verify bundle > verify.txt; then
        echo "$name $split: $(tail -1 verify.txt); build peaked at $(cat anon) of $weights bytes"
        grep -qF "$split" verify.txt || fail "$name: $split split nothing"
        [ "$(cat anon)" -le $((weights * 13 / 10)) ] || fail "$name $split: build took $(cat anon) bytes"
    else
        fail "$name $split"
        cat plan.txt build.txt verify.txt
    fi
}
fanfold zoo vgg11 --width 17/8 -o m.onnx || exit 1
try vgg11 "channel 2"
try vgg11 "grid 1x2"
fanfold zoo rnn-18 -o m.onnx || exit 1
try rnn-18 offload 18
[ $failed = 0 ]
