# shellcheck shell=bash
# For the tests of packages: a small bundle `net`, and the local platform whose functions are
# whatever program a test names. Source it with the build folder as its argument; the current folder
# is then a temporary one, which goes with the platform when the test ends.
build=$(cd "${1:?usage: $0 BUILD}" && pwd)
if grep -q '^FF_SANITIZE:[A-Z]*=.' "$build/CMakeCache.txt"; then
    echo "skipped: a sanitizer's programs want more of the machine than a package holds"
    exit 77
fi
export PATH=$build:$PATH:/usr/sbin:/sbin
unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL_LAMBDA AWS_REGION AWS_DEFAULT_REGION
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN FANFOLD_FUNCTION_PROGRAM
work=$(mktemp -d)
chmod 755 "$work" # functions may run as another user
export XDG_RUNTIME_DIR=$work/run
mkdir -p "$XDG_RUNTIME_DIR"
up_pid=
finish() {
    [ -n "$up_pid" ] && kill "$up_pid" 2>/dev/null && wait "$up_pid" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
cd "$work" || exit 1
die() {
    echo "FAILED $*"
    exit 1
}

fanfold zoo resnet50-v1 --width 1/8 -o m.onnx >/dev/null || exit 1
fanfold plan m.onnx --grid 2x1 --stages 2 -o plan.json >/dev/null || exit 1
fanfold build plan.json -o net >/dev/null 2>&1 || exit 1

up() { # FUNCTION-PROGRAM: the platform with it
    : >up.json
    FANFOLD_FUNCTION_PROGRAM=$1 fanfold up net --json >up.json 2>up.log &
    up_pid=$!
    for _ in $(seq 200); do
        [ -s up.json ] && return
        kill -0 $up_pid 2>/dev/null || die "up: $(cat up.log)"
        sleep 0.1
    done
    die "up did not come up: $(cat up.log)"
}
serve() { # FUNCTION-PROGRAM FLAGS: asked once, and ended
    up "$1"
    shift
    fanfold infer --random 7 --threshold 20KB "$@" >infer.out 2>infer.err ||
        die "no answer: $(cat infer.err; tail -n 5 up.log)"
    kill $up_pid
    wait $up_pid 2>/dev/null
    up_pid=
}
