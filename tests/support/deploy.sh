# shellcheck shell=bash
# For the tests of packages: a small bundle `net`, and the local platform whose functions are
# whatever program a test names. Source it with the build folder as its argument; the current folder
# is then a temporary one, which goes with the platform when the test ends.
. "$PWD/tests/support/served.sh"
if grep -q '^FF_SANITIZE:[A-Z]*=.' "$build/CMakeCache.txt"; then
    echo "skipped: a sanitizer's programs want more of the machine than a package holds"
    exit 77
fi
chmod 755 "$work" # functions may run as another user
die() {
    echo "FAILED $*"
    exit 1
}

fanfold zoo resnet50-v1 --width 1/8 -o m.onnx >/dev/null || exit 1
fanfold plan m.onnx --grid 2x1 --stages 2 -o plan.json >/dev/null || exit 1
fanfold build plan.json -o net >/dev/null 2>&1 || exit 1

up() { # FUNCTION-PROGRAM: the platform with it
    FANFOLD_FUNCTION_PROGRAM=$1 served net
}
serve() { # FUNCTION-PROGRAM FLAGS: asked once, and ended
    up "$1"
    shift
    fanfold infer --random 7 --threshold 20KB "$@" >infer.out 2>infer.err ||
        die "no answer: $(cat infer.err; tail -n 5 up.log)"
    ended
}
