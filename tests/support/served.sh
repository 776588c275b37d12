# shellcheck shell=bash
# For scripts that ask bundles which `fanfold up` serves. Source it with the build folder as its
# argument: the current folder is then a temporary one, which goes with the platform when the script
# ends; build, work and source (where the script began) are set.
source=$PWD
build=$(cd "${1:?usage: $0 BUILD}" && pwd)
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

served() { # BUNDLES and flags of fanfold up; what it printed is in up.json and up.log
    : > up.json
    fanfold up "$@" --json > up.json 2> up.log < /dev/null &
    up_pid=$!
    for _ in $(seq 600); do
        [ -s up.json ] && return
        kill -0 $up_pid 2>/dev/null || break
        sleep 0.1
    done
    echo "FAILED up did not come up:"
    cat up.log
    exit 1
}
ended() {
    kill $up_pid
    wait $up_pid 2>/dev/null
    up_pid=
}
