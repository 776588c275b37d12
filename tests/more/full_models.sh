#!/usr/bin/env bash
# Full-size models at several grids, against the whole model; and the
# memory that building the largest one takes: at most 1.3 x its weights in anonymous pages.
set -u
build=$(cd "${1:?usage: full_models.sh BUILD}" && pwd)
export PATH=$build:$PATH
. "$PWD/tests/support/watched.sh"
ocr=$PWD/third_party/ocr/ch_PP-OCRv4_det_infer.onnx
work=$(mktemp -d -p "${TMPDIR:-/tmp}")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
for model in ocr resnet50-v1 vgg16 wrn50-3; do
    shape=()
    if [ $model = ocr ]; then
        cp "$ocr" m.onnx && shape=(--shape x=1,3,640,640)
    else
        fanfold zoo $model -o m.onnx > /dev/null || exit 1
    fi
    weights=$(stat -c %s m.onnx)
    grids="1x2 2x2 3x3 1x4"
    [ $model = wrn50-3 ] && grids=2x2 # 870 MB a time: the others are tried at 1/8
    for grid in $grids; do
        rm -rf bundle
        if fanfold plan m.onnx "${shape[@]}" --grid $grid -o plan.json > plan.txt &&
            watched fanfold build plan.json -o bundle > /dev/null && fanfold verify bundle > verify.txt; then
            printf '%-12s %s  %s; build peaked at %s of %s bytes\n' $model $grid "$(tail -1 verify.txt)" "$(cat anon)" "$weights"
        else
            failed=$((failed + 1))
            echo "FAILED $model $grid"
            cat plan.txt verify.txt
        fi
        if [ "$weights" -gt 500000000 ] && [ "$(cat anon)" -gt $((weights * 13 / 10)) ]; then
            failed=$((failed + 1))
            echo "FAILED $model $grid: build took $(cat anon) bytes of anonymous memory for $weights of weights"
        fi
    done
done
[ $failed = 0 ]
