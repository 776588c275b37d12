#!/usr/bin/env bash
# A model stored in the portable form gives the same answer on an older CPU (a Haswell, by
# qemu-user), and the block size there tells apart what was stored for this one alone.
#
#   tests/more/portability.sh BUILD
set -euo pipefail
build=$(realpath "${1:?BUILD}")
run_stored=$build/run_stored
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v qemu-x86_64 >/dev/null || { echo "skipped: no qemu-x86_64 (package qemu-user)" && exit 77; }
[[ $(uname -m) == x86_64 ]] || { echo "skipped: not an x86-64 machine" && exit 77; }
haswell() { qemu-x86_64 -cpu Haswell "$@" 2> >(grep -v 'TCG doesn.t support requested feature' >&2); }

native=$("$run_stored" block)
other=$(haswell "$run_stored" block)
echo "here: NCHWc block $native; under qemu: $other"
[[ ${other%% *} == 8 ]] || { echo "block 8 wanted on a Haswell, found ${other%% *}" && exit 1; }

# check NAME MODEL SHAPE
check() {
    local dir=$work/$1
    mkdir "$dir"
    "$run_stored" store "$2" "$dir"
    "$run_stored" plain "$2" "$3" "$dir/plain.npy"
    for form in portable nchwc; do
        "$run_stored" run "$dir/$form.onnx" "$3" "$dir/$form.npy"
        haswell "$run_stored" run "$dir/$form.onnx" "$3" "$dir/$form-haswell.npy" ||
            [[ $form == nchwc ]] # a failure would be the better outcome
        printf '%s, %s form here: ' "$1" "$form"
        "$run_stored" compare "$dir/plain.npy" "$dir/$form.npy"
    done
    printf '%s, portable form on a Haswell: ' "$1"
    "$run_stored" compare "$dir/plain.npy" "$dir/portable-haswell.npy"
    [[ ${native%% *} != "${other%% *}" ]] || return 0
    printf '%s, nchwc form on a Haswell, if nobody refused it: ' "$1"
    "$run_stored" compare "$dir/plain.npy" "$dir/nchwc-haswell.npy" || echo "  (so it is refused)"
}

"$run_stored" tiny "$work/tiny.onnx"
check tiny "$work/tiny.onnx" 1,3,24,24
if [[ -x $build/fanfold ]]; then
    "$build/fanfold" zoo resnet50-v1 --width 1/8 -o "$work/resnet.onnx"
    check resnet50-v1 "$work/resnet.onnx" 1,3,224,224
fi
if [[ ${native%% *} == "${other%% *}" ]]; then
    echo "this CPU has the Haswell's block size: nothing here can be refused"
else
    echo "refused by its block size: ${native%% *} stored, ${other%% *} there"
fi
