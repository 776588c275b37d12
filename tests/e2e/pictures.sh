#!/usr/bin/env bash
# The demo's path at a small size: a picture's text boxes from pieces and from the whole model; and
# inputs that are too large for a payload.
set -u
. "$PWD/tests/support/served.sh"
checks=0 failed=0
check() { # NAME COMMAND...: it must succeed; its output stays in out
    local name=$1
    shift
    checks=$((checks + 1))
    "$@" > out 2> err < /dev/null && return
    failed=$((failed + 1))
    printf 'FAILED %s: exit code %s\n' "$name" $?
    sed 's/^/  /' out err | tail -20
}
differs() { ! cmp -s "$1" "$2"; }
number() { grep -o "\"$1\": *[0-9]*" | grep -o '[0-9]*$' | tail -1; }

ocr=$source/third_party/ocr/ch_PP-OCRv4_det_infer.onnx
sed 's/\[640, 640\]/[160, 224]/' "$source/demo/preprocess.json" > pre.json
check plan fanfold plan "$ocr" --shape x=1,3,160,224 --grid 2x2 -o grid.json
check plan-single fanfold plan "$ocr" --shape x=1,3,160,224 --planner single -o single.json
check plan-large fanfold plan "$ocr" --shape x=1,3,736,736 --planner single -o large.json
check build fanfold build grid.json --preprocess pre.json -o pieces
check build-single fanfold build single.json --preprocess pre.json -o whole
check build-large fanfold build large.json -o large
check verify fanfold verify pieces --input "$source/demo/page.png"

served pieces whole large
endpoint=$(grep -o '"endpoint": "[^"]*"' up.json | cut -d'"' -f4)

# the same boxes by every way, and they are drawn
check whole fanfold infer --deployment whole --input "$source/demo/page.png" --boxes whole.txt --draw whole.png
check boxes-are-found test -s whole.txt
check boxes-are-five-numbers grep -Eqx '[0-9]+ [0-9]+ [0-9]+ [0-9]+ [01]\.[0-9]+' whole.txt
check drawn differs whole.png "$source/demo/page.png"
for policy in inline store 40KB; do
    check "pieces $policy" fanfold infer --deployment pieces --input "x=$source/demo/page.png" \
        --threshold $policy --boxes "$policy.txt" --draw "$policy.png" --trace trace.json
    check "boxes $policy" diff whole.txt "$policy.txt"
    check "picture $policy" cmp whole.png "$policy.png"
    check "trace $policy" test -s trace.json
done

# 1x3x736x736 of float32 is 6.5 MB, over the payload's limit before base64: the client's input, and
# nothing else, goes through the store
check large fanfold infer --deployment large --random 3 --json -o large.ref
check large-by-store test "$(number store_bytes < out)" -ge 6500000
check large-again fanfold infer --deployment large --random 3 --expect large.ref

# the store is down for the client: told so, in time, and all is well afterwards
checks=$((checks + 1))
AWS_ENDPOINT_URL=$endpoint AWS_ENDPOINT_URL_S3=http://127.0.0.1:1 \
    fanfold infer --deployment large --random 3 --timeout 3s > out 2> err
code=$?
case $code in
13 | 14) grep -q "tensor 'x': put" err || { failed=$((failed + 1)); echo "FAILED store-down: $(cat err)"; } ;;
*) failed=$((failed + 1)); echo "FAILED store-down: exit code $code: $(cat err)" ;;
esac
check store-is-back fanfold infer --deployment large --random 3 --expect large.ref
check nothing-left test "$(curl -s "$endpoint/_fanfold/state" | number objects)" = 0
echo "$checks checks, $failed failed"
[ $failed = 0 ]
