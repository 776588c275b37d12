#!/usr/bin/env bash
# The command line, case by case: tests/cli/cases/*.case, each in a fresh folder, with fanfold in PATH.
#
#   run: a shell command          begins a block
#   exit: 2                       the exit code wanted (default 0)
#   out: text                     stdout contains it (any number of such lines)
#   err: text                     stderr contains it
#   absent: FILE                  this file is not there afterwards
#   present: FILE
#
# $SRC is the source folder. A block that fails is shown with what the command printed.
set -u
build=${1:?usage: cases.sh BUILD [CASE...]}
export SRC=$PWD PATH="$(cd "$build" && pwd):$PATH"
unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN FANFOLD_LOG
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_RUNTIME_DIR=$work/runtime HOME=$work/home
mkdir -p "$XDG_RUNTIME_DIR" "$HOME"
blocks=0 failed=0
fault() { printf 'FAILED %s: %s\n  %s\n' "$case" "$command" "$1"; bad=1; }

check_block() {
    [ -n "$command" ] || return 0
    blocks=$((blocks + 1)) bad=0
    bash -c "$command" > "$work/out" 2> "$work/err" < /dev/null
    code=$?
    [ "$code" = "$want" ] || fault "exit code $code, wanted $want"
    for text in "${outs[@]}"; do grep -qF -- "$text" "$work/out" || fault "stdout lacks: $text"; done
    for text in "${errs[@]}"; do grep -qF -- "$text" "$work/err" || fault "stderr lacks: $text"; done
    for file in "${absent[@]}"; do [ ! -e "$file" ] || fault "left behind: $file"; done
    for file in "${present[@]}"; do [ -e "$file" ] || fault "not there: $file"; done
    if [ $bad = 1 ]; then
        failed=$((failed + 1))
        sed 's/^/  stdout: /' "$work/out" | head -20
        sed 's/^/  stderr: /' "$work/err" | head -20
    fi
}
new_block() { command=$1 want=0 outs=() errs=() absent=() present=(); }

for path in "${@:-tests/cli/cases/}"; do
    for file in $([ -d "$SRC/$path" ] && ls "$SRC/$path"*.case || echo "$SRC/$path"); do
        case=$(basename "$file" .case)
        mkdir -p "$work/$case" && cd "$work/$case" || exit 1
        new_block ""
        while IFS= read -r line || [ -n "$line" ]; do
            value=${line#*: }
            case $line in
            run:*) check_block; new_block "$value" ;;
            exit:*) want=$value ;;
            out:*) outs+=("$value") ;;
            err:*) errs+=("$value") ;;
            absent:*) absent+=("$value") ;;
            present:*) present+=("$value") ;;
            '' | '#'*) ;;
            *) echo "$file: not a case line: $line"; exit 1 ;;
            esac
        done < "$file"
        check_block
        cd "$SRC" || exit 1
    done
done
echo "$blocks blocks, $failed failed"
[ "$failed" = 0 ] && [ "$blocks" -gt 0 ]
