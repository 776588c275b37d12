# For scripts that source it: watched COMMAND... runs a command and leaves its peak of anonymous
# memory, in bytes, in the file anon.
watched() {
    "$@" &
    local pid=$! peak=0 now
    while kill -0 $pid 2>/dev/null; do
        now=$(awk '/^RssAnon/ {print $2}' /proc/$pid/status 2>/dev/null)
        [ "${now:-0}" -gt $peak ] && peak=$now
        sleep 0.02
    done
    echo $((peak * 1024)) > anon
    wait $pid
}
