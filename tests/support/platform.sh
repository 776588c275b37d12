# Sourced by scripts: starts prog_platform of a build folder and sets the AWS variables for it.
#
#   start_platform BUILD [DATA_DIR]   exports AWS_ENDPOINT_URL, keys, region; sets bucket, work
#
# The platform ends with the script, by the end of its input.
start_platform() {
    local build=$1
    work=$(mktemp -d)
    mkfifo "$work/input"
    "$build/prog_platform" "$build/prog_runtime" ${2:+"$2"} <"$work/input" >"$work/platform.json" \
        2>"$work/platform.log" &
    platform=$!
    exec 9>"$work/input"
    trap stop_platform EXIT
    for _ in $(seq 200); do
        [[ -s $work/platform.json ]] && break
        kill -0 "$platform" 2>/dev/null || { cat "$work/platform.log" >&2; exit 1; }
        sleep 0.05
    done
    value() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/platform.json"; }
    export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_DEFAULT_REGION
    AWS_ENDPOINT_URL=$(value endpoint)
    AWS_ACCESS_KEY_ID=$(value access_key)
    AWS_SECRET_ACCESS_KEY=$(value secret_key)
    AWS_DEFAULT_REGION=$(value region)
    export AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1 AWS_PAGER='' HOME=$work
    unset AWS_SESSION_TOKEN AWS_PROFILE AWS_CA_BUNDLE
    unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
    bucket=$(value bucket)
}

stop_platform() {
    local code=$?
    exec 9>&-
    wait "$platform" || { echo "the platform failed" >&2; code=1; }
    [[ $code == 0 ]] || tail -n 20 "$work/platform.log" >&2
    rm -rf "$work"
    exit "$code"
}
