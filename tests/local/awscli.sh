#!/usr/bin/env bash
# The platform as the aws command sees it: lambda invoke, and s3 mb, cp, ls, sync, rm, mv, rb.
set -euo pipefail
build=$1
command -v aws >/dev/null && aws --version >/dev/null 2>&1 || {
    echo "skipped: the aws command is not installed"
    exit 77
}
aws=$(readlink -f "$(command -v aws)")
if [[ $aws == *pyenv* ]] && command -v pyenv >/dev/null; then aws=$(pyenv which aws); fi
source tests/support/platform.sh
mkdir -p "${TMPDIR:-/tmp}"
start_platform "$build"
cd "$work"

checks=0
fail() { echo "awscli: $*" >&2; exit 1; }
same() { # same WHAT WANTED FOUND
    checks=$((checks + 1))
    [[ $2 == "$3" ]] || fail "$1: wanted '$2', found '$3'"
}

# Lambda
"$aws" lambda invoke --function-name echo --payload '{"a": 1}' out.json >meta.json
same "an invocation's answer" '{"a": 1}' "$(cat out.json)"
same "its status" 200 "$(sed -n 's/.*"StatusCode": \([0-9]*\).*/\1/p' meta.json)"
same "its version" '$LATEST' "$(sed -n 's/.*"ExecutedVersion": "\(.*\)".*/\1/p' meta.json)"
"$aws" lambda invoke --function-name arn:aws:lambda:us-east-1:000000000000:function:echo:live \
    --payload '{"do":"error"}' out.json >meta.json
same "a function's error" 1 "$(grep -c '"FunctionError"' meta.json)"
same "its type" 1 "$(grep -c Function.Told out.json)"
"$aws" lambda invoke --function-name echo --log-type Tail --payload '{"do":"print"}' out.json >meta.json
sed -n 's/.*"LogResult": "\(.*\)".*/\1/p' meta.json | base64 -d >tail.txt
same "the log's tail" 1 "$(grep -c 'a line on stdout' tail.txt)"
"$aws" lambda invoke --function-name echo --invocation-type Event --payload '{}' out.json >meta.json
same "an event" 1 "$(grep -c '"StatusCode": 202' meta.json)"
"$aws" lambda invoke --function-name echo --invocation-type DryRun --payload '{}' out.json >meta.json
same "a dry run" 1 "$(grep -c '"StatusCode": 204' meta.json)"
"$aws" lambda invoke --function-name absent --payload '{}' out.json 2>error.txt && fail "absent: no error"
same "an absent function" 1 "$(grep -c ResourceNotFoundException error.txt)"
"$aws" lambda invoke --function-name echo --payload 'no json' out.json 2>error.txt && fail "no json: taken"
same "a payload that is no JSON" 1 "$(grep -c InvalidRequestContentException error.txt)"
AWS_SECRET_ACCESS_KEY=wrong "$aws" lambda invoke --function-name echo --payload '{}' out.json \
    2>error.txt && fail "a wrong key: taken"
same "a wrong key" 1 "$(grep -c InvalidSignatureException error.txt)"

# S3
same "ls of all buckets" 1 "$("$aws" s3 ls | grep -c " $bucket\$")"
"$aws" s3 mb s3://second >/dev/null
printf 'hello' >hello.txt
head -c 20000000 /dev/urandom >large.bin
"$aws" s3 cp --quiet hello.txt "s3://second/a b/hé&<llo>.txt"
"$aws" s3 cp --quiet large.bin s3://second/large.bin # in parts
"$aws" s3 cp --quiet "s3://second/a b/hé&<llo>.txt" back.txt
"$aws" s3 cp --quiet s3://second/large.bin back.bin # in ranges
cmp hello.txt back.txt && cmp large.bin back.bin
same "ls, recursive" "20000000" "$("$aws" s3 ls --recursive s3://second | awk '/large.bin/ {print $3}')"
same "ls of a prefix" 1 "$("$aws" s3 ls s3://second | grep -c 'PRE a b/')"
mkdir -p tree/x/y
for i in $(seq 25); do echo "$i" >"tree/x/y/f$i"; done
"$aws" s3 sync --quiet tree s3://second/tree
same "a sync that has nothing to do" "" "$("$aws" s3 sync tree s3://second/tree)"
same "what was synced" 25 "$("$aws" s3 ls --recursive s3://second/tree/ | wc -l)"
"$aws" s3 cp --quiet s3://second/large.bin s3://second/copy.bin # UploadPartCopy
"$aws" s3 mv --quiet "s3://second/a b/hé&<llo>.txt" s3://second/moved.txt # CopyObject
same "a moved object" hello "$("$aws" s3 cp s3://second/moved.txt -)"
"$aws" s3 cp --quiet s3://second/copy.bin copy.bin && cmp large.bin copy.bin
printf 'from stdin' | "$aws" s3 cp --quiet - s3://second/stdin
same "from standard input" "from stdin" "$("$aws" s3 cp s3://second/stdin -)"
"$aws" s3 cp s3://second/absent absent 2>error.txt && fail "an absent object was copied"
same "an absent object" 1 "$(grep -c '(404)' error.txt)"
"$aws" s3 rb s3://second 2>error.txt && fail "a full bucket was removed"
same "a full bucket" 1 "$(grep -c BucketNotEmpty error.txt)"
"$aws" s3 rm --quiet --recursive s3://second
same "after rm" "" "$("$aws" s3 ls --recursive s3://second)"
"$aws" s3 rb s3://second >/dev/null
curl=$(curl -s "$AWS_ENDPOINT_URL/_fanfold/state" 2>/dev/null || true)
[[ -z $curl ]] || same "objects left" 1 "$(grep -c '"objects":0,' <<<"$curl")"
echo "awscli: $checks checks passed"
