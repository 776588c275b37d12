#!/usr/bin/env bash
# `fanfold up --network`: what is reported is undilated and marked, and nothing is faster than the
# profile says. A busy machine may only be slower: no upper bound is checked.
set -u
. "$PWD/tests/support/served.sh"
checks=0 failed=0
fault() { failed=$((failed + 1)); printf 'FAILED %s\n' "$1"; }
has() { # FILE TEXT...
    local file=$1 text
    shift
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qF -- "$text" "$file" || { fault "$file lacks: $text"; head -c 2000 "$file"; }
    done
}
number() { grep -o "\"$1\": *[0-9.]*" "$2" | head -1 | grep -o '[0-9.]*$'; }
at_least() { # WHAT FOUND WANTED
    checks=$((checks + 1))
    awk -v a="${2:-0}" -v b="$3" 'BEGIN {exit !(a >= b)}' || fault "$1: wanted at least $3 ms, found $2"
}
# every p99 becomes the p50 before it: a request takes 11 ms, its response 7, PUT 7.3, GET 4.8
awk '/"p50":/ {p = $2} /"p99":/ {$2 = p} {print}' "$source/profiles/network/aws-express.json" > sure.json

fanfold zoo resnet50-v1 --width 1/8 -o m.onnx > /dev/null || exit 1
fanfold plan m.onnx --planner grid --grid 1x2 --stages 2 -o plan.json > /dev/null || exit 1
fanfold build plan.json -o net > /dev/null 2>&1 || exit 1
stages=$(grep -c '"split": *"grid' plan.json)
at_least "grid stages" "$stages" 2

served net
fanfold infer --random 7 --json -o plain > out.json || fault "infer, not emulated"
has out.json '"emulated": false' '"network": null' '"dilation": 1.0'
ended

# the worker's compute share is small: 40 GMAC/s here, 9.1 there
served net --network sure.json --dilation 3 --seed 4 --host-gmacs 40
has up.json '"emulated": true' '"network": "aws-express"' '"dilation": 3'
for policy in inline store; do
    fanfold infer --random 7 --threshold $policy --expect plain --trace trace.json --json > out.json ||
        fault "infer --threshold $policy"
    has out.json '"emulated": true' '"network": "aws-express"' '"dilation": 3.0' '"cpu_shares":' '"equal": true'
    has trace.json '"emulated":true' '"network":"aws-express"' '"dilation":3.0'
    each=18
    [ $policy = store ] && each=42.2
    at_least "$policy, undilated" "$(number master_ms out.json)" "$(awk -v n="$stages" -v e=$each 'BEGIN {print n * e}')"
done
fanfold infer --random 7 > out.txt || fault "infer, as text"
has out.txt 'emulated: network aws-express, dilation 3'
checks=$((checks + 1))
# a request takes 36 ms at least, however fast this machine is
fanfold infer --random 7 --timeout 10ms > out.txt 2> err.txt && fault "infer --timeout 10ms: wanted a failure"
pid=$up_pid
ended
checks=$((checks + 1))
find /sys/fs/cgroup -maxdepth 6 -name "fanfold-$pid-*" 2> /dev/null | grep . && fault "a control group is left"

# where shares cannot be kept, it is said: nobody may make a group
checks=$((checks + 1))
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
    chmod -R a+rwX "$work"
    chmod a+rx "$work"
    if setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$build/fanfold"; then
        rm -f up.json
        setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$work" XDG_RUNTIME_DIR="$work/run" \
            "$build/fanfold" up net --json --network lan --host-gmacs 40 > up.json 2> up.log < /dev/null &
        up_pid=$!
        for _ in $(seq 600); do
            [ -s up.json ] && break
            kill -0 $up_pid 2>/dev/null || break
            sleep 0.1
        done
        has up.json '"emulated": true' '"dilation": 1' '"cpu_shares": false'
        has up.log 'CPU shares are not kept'
        fanfold infer --random 7 > out.txt || fault "infer, without shares"
        has out.txt 'CPU shares are not kept'
        ended
    fi
fi

echo "$checks checks, $failed failed"
[ $failed = 0 ]
