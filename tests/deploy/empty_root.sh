#!/usr/bin/env bash
# Packages run where nothing of this machine's is but the kernel: every function of a bundle in a
# root of its own that holds its unpacked zip and no other file, served by the local platform.
set -u
. "$PWD/tests/support/deploy.sh"

enter=()
[ "$(id -u)" = 0 ] || enter=(unshare -r)
if ! "${enter[@]}" chroot / true 2>err; then
    echo "skipped: this machine permits no other root: $(tail -n 1 err)"
    exit 77
fi

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
