#!/usr/bin/env bash
# A bundle served by `fanfold up` and asked as a user would: every policy, bad requests, crashes.
set -u
. "$PWD/tests/support/served.sh"
checks=0 failed=0
# check NAME WANTED-EXIT-CODE COMMAND...; stdout and stderr stay in out and err
check() {
    local name=$1 want=$2 code
    shift 2
    checks=$((checks + 1))
    "$@" > out 2> err < /dev/null
    code=$?
    if [ $code != "$want" ]; then
        failed=$((failed + 1))
        printf 'FAILED %s: exit code %s, wanted %s\n' "$name" $code "$want"
        sed 's/^/  /' out err | tail -20
    fi
}
lacks() { # NAME TEXT FILE
    checks=$((checks + 1))
    grep -qF -- "$2" "$3" && return
    failed=$((failed + 1))
    printf 'FAILED %s: %s lacks: %s\n' "$1" "$3" "$2"
    sed 's/^/  /' "$3" | tail -20
}
state() { curl -s "$endpoint/_fanfold/state"; }
number() { grep -o "\"$1\": *[0-9]*" | grep -o '[0-9]*$' | tail -1; }

fanfold zoo resnet50-v1 --width 1/8 -o m.onnx > /dev/null || exit 1
fanfold plan m.onnx --grid 2x2 --stages 3 -o plan.json > /dev/null || exit 1
fanfold build plan.json -o net --network none > /dev/null 2>&1 || exit 1
fanfold plan m.onnx --planner single -o single.json > /dev/null || exit 1
fanfold build single.json -o whole > /dev/null 2>&1 || exit 1
# the same with the master computing a piece of each stage
sed 's/\("split": *"grid 2x2"\),/\1, "master_piece": true,/; s/"workers": *4/"workers": 3/' plan.json > own.json
fanfold build own.json -o own > /dev/null 2>&1 || exit 1
fanfold build own.json -o tuned --network aws-lambda > /dev/null 2>&1 || exit 1

served net whole own tuned
endpoint=$(grep -o '"endpoint": "[^"]*"' up.json | cut -d'"' -f4)
port=$(number port < up.json)

up_with() { # NAME ENVIRONMENT-AND-FLAGS...: another platform, its output in NAME.out, its log in NAME.log
    local name=$1 i
    shift
    env "$@" > "$name.out" 2> "$name.log" < /dev/null &
    other_pid=$!
    for i in $(seq 200); do
        [ -s "$name.out" ] && return
        kill -0 $other_pid 2>/dev/null || return
        sleep 0.05
    done
}
down() { kill -TERM $other_pid && wait $other_pid; }

# what `up` prints is all that another client needs; the environment's endpoint finds the deployment
up_with printed XDG_RUNTIME_DIR="$work/printed" fanfold up whole --bind 127.0.0.2
check exports 0 grep -c '^export' printed.out
lacks exports 'http://127.0.0.2:' printed.out
lacks exports AWS_REGION=us-east-1 printed.out
lacks exports AWS_DEFAULT_REGION=us-east-1 printed.out
(
    eval "$(grep '^export' printed.out)"
    XDG_RUNTIME_DIR=$work/printed fanfold infer --random 7 -o bound
) > out 2> err || { failed=$((failed + 1)); echo "FAILED exports: $(cat err)"; }
checks=$((checks + 1))
cat > describe.sh <<'T'
set -e
eval "$(grep '^export' printed.out)"
export AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true HOME=$PWD
raw=()
aws --version 2>&1 | grep -q '^aws-cli/1' || raw=(--cli-binary-format raw-in-base64-out)
aws lambda invoke --function-name whole-master --payload '{"fanfold": "describe"}' "${raw[@]}" described.json
grep -q '"deployment":"whole"' described.json
echo hello > hello.txt
aws s3 cp hello.txt s3://fanfold/hello.txt
aws s3 ls s3://fanfold/ | grep hello.txt
aws s3 cp s3://fanfold/hello.txt back.txt
cmp hello.txt back.txt
T
if aws --version > /dev/null 2>&1; then
    check awscli 0 env -u XDG_RUNTIME_DIR bash describe.sh
else
    echo "skipped: the aws command is not installed"
fi
check printed-ends 0 down

# where the session cannot be written, `up` serves all the same
: > file
up_with unwritten XDG_RUNTIME_DIR="$work/file" fanfold up whole
lacks unwritten-session 'endpoint http://127.0.0.1:' unwritten.out
lacks unwritten-session 'infer will need the exports' unwritten.log
check unwritten-ends 0 down

# the package's limit counts program and libraries: a bundle that keeps under it alone is refused
cp -r whole heavy
weights=$(find heavy -name weights.bin | head -1)
truncate -s $((262144000 - $(stat -c %s "$build/fanfold-function") - 10000000)) "$weights"
check package-limit 9 fanfold up heavy --package-limit
lacks package-limit 'whole-master has ' err
lacks package-limit 'at most 262144000 are allowed' err
rm -rf heavy
up_with light XDG_RUNTIME_DIR="$work/light" fanfold up whole --package-limit
lacks package-limit-kept 'endpoint http' light.out
check light-ends 0 down

# every policy gives the whole model's answer, and leaves nothing behind
check reference 0 fanfold infer --deployment whole --random 7 -o ref
check wrong-reference 0 fanfold infer --deployment whole --random 8 -o other
for policy in inline store 0 40KB; do
    check "policy $policy" 0 fanfold infer --deployment net --random 7 --threshold $policy --expect ref --json
    lacks "policy $policy" '"equal": true' out
    cp out "reply.$policy"
    check "master's piece, policy $policy" 0 fanfold infer --deployment own --random 7 --threshold $policy --expect ref --json
    lacks "master's piece, policy $policy" '"equal": true' out
done
# policy auto: the default of a bundle with a profile; refused by one without
check auto-default 0 fanfold infer --deployment tuned --random 7 --expect ref --trace auto.trace
lacks auto-default 'predicted' out
lacks auto-default 'auto: 1 requests, ' out
lacks auto-default '"policy":"auto"' auto.trace
for i in 1 2 3; do
    check auto-again 0 fanfold infer --deployment tuned --random 7 --expect ref --threshold auto-p99 --json
done
lacks auto-again '"requests": 4' out
lacks auto-again '"regret_ms"' out
check auto-refused 16 fanfold infer --deployment net --random 7 --threshold auto
lacks auto-refused 'network profile' err
check "master's piece in the trace" 0 fanfold infer --deployment own --random 7 --trace own.trace
lacks "master's piece in the trace" '"function":"master"' own.trace
check absent-policy 0 fanfold infer --random 7 --expect ref
lacks absent-policy 'store 0 B' out
lacks store '"inline_bytes": 602' reply.store # the client's own input rides in the payload
for policy in inline store 40KB; do
    case $policy in
    inline) [ "$(number store_bytes < reply.inline)" = 0 ] ;;
    *) [ "$(number store_bytes < reply.$policy)" -gt 0 ] ;;
    esac || { failed=$((failed + 1)); echo "FAILED: bytes by route under $policy"; }
    checks=$((checks + 1))
done
check comparison-can-fail 17 fanfold infer --deployment net --random 7 --expect other
[ "$(state | number objects)" = 0 ] || { failed=$((failed + 1)); echo "FAILED: objects left: $(state)"; }
checks=$((checks + 1))

# concurrent requests never mix
for i in 1 2 3 4; do
    fanfold infer --deployment whole --random 10$i -o ref$i > /dev/null 2>&1
done
pids=()
for i in 1 2 3 4; do
    for policy in inline store; do
        fanfold infer --deployment net --random 10$i --threshold $policy --expect ref$i > mix.$i.$policy 2>&1 &
        pids+=($!)
    done
done
for pid in "${pids[@]}"; do
    checks=$((checks + 1))
    wait "$pid" || { failed=$((failed + 1)); echo "FAILED: a concurrent request"; cat mix.*; }
done

# bad inputs and requests: told apart, and the service goes on
check wrong-shape 3 fanfold infer --deployment net --input ref/output.npy
lacks wrong-shape 'wanted float32 1x3x224x224, found float32 1x1000' err
head -c 1000 ref/output.npy > cut.npy
check truncated-npy 3 fanfold infer --deployment net --input cut.npy
lacks truncated-npy cut.npy err
{ cat ref/output.npy; echo more; } > long.npy
check overlong-npy 3 fanfold infer --deployment net --input long.npy
lacks overlong-npy long.npy err
{ printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3, 224, 224), }"; head -c 1204224 /dev/zero; } > double.npy
check wrong-dtype 3 fanfold infer --deployment net --input double.npy
lacks wrong-dtype 'wanted float32 1x3x224x224, found float64 1x3x224x224' err
printf 'hello' > text.npy
check not-npy 3 fanfold infer --deployment net --input text.npy
check no-such-file 5 fanfold infer --deployment net --input none.npy
check picture-without-preprocessing 2 fanfold infer --deployment net --input x.png
check unknown-input 2 fanfold infer --deployment net --input y=ref/output.npy
check unknown-deployment 5 fanfold infer --deployment nothing --random 1
lacks unknown-deployment nothing err
check bad-threshold 2 fanfold infer --random 1 --threshold soon
check bad-endpoint 13 env AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b fanfold infer --endpoint http://127.0.0.1:1 --deployment net --random 1 --timeout 2s
check unwritable-output 5 fanfold infer --random 7 -o /proc/none/out
check port-in-use 12 fanfold up net --port "$port"
lacks port-in-use "$port" err
check not-a-bundle 5 fanfold up "$work/run"

# envelopes by hand, signed by curl
key=$(grep -o '"access_key": "[^"]*"' up.json | cut -d'"' -f4)
secret=$(grep -o '"secret_key": "[^"]*"' up.json | cut -d'"' -f4)
invoke() { # FUNCTION JSON
    curl -s -m 30 --aws-sigv4 aws:amz:us-east-1:lambda --user "$key:$secret" -H 'Content-Type: application/json' \
        -d "$2" "$endpoint/2015-03-31/functions/$1/invocations"
}
refused() { # NAME FUNCTION JSON TEXT
    checks=$((checks + 1))
    invoke "$2" "$3" > out
    grep -q '"errorType"' out && grep -qF -- "$4" out && return
    failed=$((failed + 1))
    printf 'FAILED %s: wanted an error with "%s", found: %s\n' "$1" "$4" "$(head -c 500 out)"
}
tensor() { printf '{"tensors": [{"name": "input", "dtype": "float32", "shape": %s, "route": "%s", "codec": "raw", "crc32c": "%s", %s}]}' "$1" "$2" "$3" "$4"; }
refused empty net-master '{}' tensors
refused no-tensor net-master '{"tensors": []}' input
refused huge-shape net-master "$(tensor '[1,3,999999999,999999999]' inline 00000000 '"data": "AAAA"')" Function.Limit
header="{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 224, 224), }"
{ printf '\223NUMPY\001\000\166\000%-117s\n' "$header"; head -c 602112 /dev/zero; } | base64 -w0 > npy.txt
tensor '[1,3,224,224]' inline 00000001 "\"data\": \"$(cat npy.txt)\"" > wrong-sum.json
refused wrong-checksum net-master @wrong-sum.json Function.Checksum
refused negative-shape net-master "$(tensor '[1,3,-224,224]' inline 00000000 '"data": "AAAA"')" Function.
refused bad-base64 net-master "$(tensor '[1,3,224,224]' inline 00000000 '"data": "AA!A"')" Function.
refused other-length net-master "$(tensor '[1,3,224,224]' inline 00000000 '"data": "AAAA"')" Function.
refused key-outside net-master "$(tensor '[1,3,224,224]' store 00000000 '"bytes": 602240, "key": "other/net/x.npy"')" Function.Denied
refused key-climbs net-master "$(tensor '[1,3,224,224]' store 00000000 '"bytes": 602240, "key": "requests/net/../../x.npy"')" Function.
refused key-missing net-master "$(tensor '[1,3,224,224]' store 00000000 '"bytes": 602240, "key": "requests/net/none.npy"')" Function.
refused worker-alone net-w0 '{"fanfold": 1}' Function.
checks=$((checks + 1))
invoke net-master '{"tensors": [' > out # refused before it reaches a function
grep -q 'InvalidRequestContent\|Could not parse' out || { failed=$((failed + 1)); echo "FAILED json-cut: $(cat out)"; }
checks=$((checks + 1))
curl -s -m 10 -d '{}' "$endpoint/2015-03-31/functions/net-master/invocations" > out
grep -q AccessDenied out || { failed=$((failed + 1)); echo "FAILED unsigned: $(cat out)"; }

# a worker that dies in the middle of a request: the answer names it; the next request is answered
worker_pids() { state | grep -o '"name": *"net-w0"[^}]*"pids": *\[[0-9, ]*\]' | grep -o '\[.*\]' | tr '[],' '   '; }
busy() { state | grep -o '"name": *"net-w0"[^}]*"busy": *[0-9]*' | grep -o '[0-9]*$'; }
for policy in inline store; do
    check before-crash 0 fanfold infer --deployment net --random 7 --threshold $policy --expect ref
    pids=$(worker_pids)
    # shellcheck disable=SC2086
    kill -STOP $pids
    fanfold infer --deployment net --random 7 --threshold $policy > dying 2>&1 &
    dying=$!
    for _ in $(seq 100); do
        [ "$(busy)" -gt 0 ] && break
        sleep 0.05
    done
    # shellcheck disable=SC2086
    kill -KILL $pids
    check "a dead worker under $policy" 16 wait $dying
    lacks "a dead worker under $policy" net-w0 dying
    check after-crash 0 fanfold infer --deployment net --random 7 --threshold $policy --expect ref
done
[ "$(state | number objects)" = 0 ] || { failed=$((failed + 1)); echo "FAILED: objects left after crashes: $(state)"; }
checks=$((checks + 1))

# the end: no process is left
before=$(state | grep -o '"pids": *\[[0-9, ]*\]' | grep -o '[0-9]\+' | sort -u)
kill -TERM $up_pid
wait $up_pid
check up-ends-well 0 test $? = 0
up_pid=
for pid in $before; do
    checks=$((checks + 1))
    kill -0 "$pid" 2>/dev/null && { failed=$((failed + 1)); echo "FAILED: process $pid is left"; }
done
check nothing-up 2 fanfold infer --random 1
lacks nothing-up 'nothing is up' err
echo "$checks checks, $failed failed"
[ $failed = 0 ]
