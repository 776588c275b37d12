#!/usr/bin/env bash
# Packages run where nothing of this machine's is but the kernel: every function of a bundle in a
# root of its own that holds its unpacked zip and no other file, served by the local platform.
set -u
build=$(cd "${1:?usage: empty_root.sh BUILD}" && pwd)
export PATH=$build:$PATH:/usr/sbin:/sbin
unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL_LAMBDA AWS_REGION AWS_DEFAULT_REGION
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN FANFOLD_FUNCTION_PROGRAM
work=$(mktemp -d)
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

enter=()
[ "$(id -u)" = 0 ] || enter=(unshare -r)
if ! "${enter[@]}" chroot / true 2>err; then
    echo "skipped: this machine permits no other root: $(tail -n 1 err)"
    exit 77
fi

fanfold zoo resnet50-v1 --width 1/8 -o m.onnx >/dev/null || exit 1
fanfold plan m.onnx --grid 2x1 --stages 2 -o plan.json >/dev/null || exit 1
fanfold build plan.json -o net >/dev/null 2>&1 || exit 1
fanfold package net --target lambda-zip -o zips >/dev/null || exit 1
for zip in zips/*.zip; do
    name=$(basename "$zip" .zip)
    mkdir -p "roots/$name/var/task"
    # modes as the zip tells them, as Lambda does
    python3 - "$zip" "roots/$name/var/task" <<'PYTHON' || exit 1
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    for info in z.infolist():
        os.chmod(z.extract(info, sys.argv[2]), (info.external_attr >> 16) & 0o777)
PYTHON
done

# What the platform runs: the function's own root, and bootstrap in it.
cat >start <<END
#!/bin/sh
unset LD_LIBRARY_PATH FANFOLD_FUNCTION # its package tells which function it is
PATH=$PATH
export LAMBDA_TASK_ROOT=/var/task FANFOLD_BUNDLE=/var/task
exec ${enter[@]+"${enter[@]}"} chroot $work/roots/\$AWS_LAMBDA_FUNCTION_NAME /var/task/bootstrap
END
chmod +x start
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
serve() { # FUNCTION-PROGRAM FLAGS: asked once
    up "$1"
    shift
    fanfold infer --random 7 --threshold 20KB "$@" >infer.out 2>infer.err ||
        die "no answer: $(cat infer.err; tail -n 5 up.log)"
    kill $up_pid
    wait $up_pid 2>/dev/null
    up_pid=
}
serve "$build/fanfold-function" --output expected
serve "$work/start" --expect expected
functions=$(find zips -name '*.zip' | wc -l)
started=$(grep -c 'ready after' up.log)
[ "$started" = "$functions" ] || die "$started of $functions functions started: $(cat up.log)"
# a root without the loader: the test would not pass by anything outside it
rm -f "roots/net-master/var/task/lib/"ld-linux*
up "$work/start"
fanfold infer --random 7 >infer.out 2>infer.err && die "an answer without a loader"
grep -q 'bootstrap: cannot start the loader /var/task/lib/ld-linux' up.log ||
    die "the reason is not in the log: $(cat up.log)"
echo "$functions functions answered from empty roots"
