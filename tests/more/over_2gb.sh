#!/usr/bin/env bash
# A model over 2 GB, protobuf's limit: its weights lie in a file beside it. VGG-11 at 17/8 of its
# width, whose first fully connected layer alone has 1.9 GB. Building takes at most 1.3 x the
# weights in anonymous memory.
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
fanfold zoo vgg11 --width 17/8 -o m.onnx || exit 1
weights=$(stat -c %s m.onnx.data)
[ "$weights" -gt $((1 << 31)) ] || fail "the weights are $weights bytes, over 2^31 wanted"
[ "$(stat -c %s m.onnx)" -lt 1000000 ] || fail "m.onnx holds weights"
for split in "channel 2" "grid 1x2"; do
    rm -rf bundle
    if fanfold plan m.onnx --split "$split" -o plan.json > plan.txt &&
        watched fanfold build plan.json -o bundle > build.txt && fanfold verify bundle > verify.txt; then
        echo "$split: $(tail -1 verify.txt); build peaked at $(cat anon) of $weights bytes"
        grep -qF "$split" verify.txt || fail "$split split nothing"
        [ "$(cat anon)" -le $((weights * 13 / 10)) ] || fail "$split: build took $(cat anon) bytes"
    else
        fail "$split"
        cat plan.txt build.txt verify.txt
    fi
done
[ $failed = 0 ]
