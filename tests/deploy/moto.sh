#!/usr/bin/env bash
# Templates judged by cfn-lint, and whole deployments on moto_server: made, made again, updated, in a
# bucket of their own and in one that others use, and taken away. Functions are not run there.
set -u
. "$PWD/tests/support/deploy.sh"
python3 -c 'import moto.server, boto3' 2>/dev/null || { echo "skipped: moto_server or boto3 is absent"; exit 77; }
export PYTHONWARNINGS=ignore AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
checks=0
is() { # NAME WANTED FOUND
    checks=$((checks + 1))
    [ "$2" = "$3" ] || die "$1: wanted '$2', found '$3'"
}
ok() { # NAME COMMAND...
    local name=$1
    shift
    checks=$((checks + 1))
    "$@" >out 2>err || die "$name: $(cat out err)"
}
fails() { # NAME EXIT-CODE TEXT COMMAND...
    local name=$1 want=$2 text=$3
    shift 3
    "$@" >out 2>err
    is "$name: exit code" "$want" $?
    grep -qF -- "$text" err || die "$name: no '$text' in: $(cat err)"
}

for bucket in "" my-bucket; do
    ok dry-run fanfold deploy net --target lambda --dry-run -o "dry$bucket" --provisioned 1 \
        ${bucket:+--bucket $bucket}
    if command -v cfn-lint >/dev/null; then
        ok cfn-lint cfn-lint --regions eu-west-1 -t "dry$bucket/template.json"
        sed 's/"MaximumRetryAttempts":0/"MaximumRetryAttempts":"many"/' "dry$bucket/template.json" >bad.json
        cfn-lint --regions eu-west-1 -t bad.json >/dev/null 2>&1 && die "cfn-lint takes anything"
    fi
done

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# moto makes versions, but does not tell their numbers: CloudFormation's own attribute is added
cat >moto_with_versions.py <<'PYTHON'
import sys
from moto.awslambda.models import LambdaVersion
from moto.server import main
LambdaVersion.get_cfn_attribute = lambda self, name: {"Version": str(self.version)}[name]
main(sys.argv[1:])
PYTHON
python3 moto_with_versions.py -H 127.0.0.1 -p "$port" >moto.log 2>&1 &
moto=$!
trap 'kill $moto 2>/dev/null; finish' EXIT
# by name: moto takes the bucket of a template out of a path only there
export AWS_ENDPOINT_URL=http://localhost:$port
for _ in $(seq 300); do
    curl -s -o /dev/null "$AWS_ENDPOINT_URL/moto-api/" && break
    kill -0 $moto 2>/dev/null || die "moto_server: $(cat moto.log)"
    sleep 0.1
done
cat >ask.py <<'PYTHON'
import boto3, sys
def of(name): return boto3.client(name, region_name="eu-west-1")
def functions(): return sorted(f["FunctionName"] for f in of("lambda").list_functions()["Functions"])
def keys(bucket): return sorted(o["Key"] for o in of("s3").list_objects_v2(Bucket=bucket).get("Contents", []))
print(eval(sys.argv[1]))
PYTHON
ask() { python3 ask.py "$1" 2>err || die "ask $1: $(tail -n 1 err)"; }

fails no-stack 5 "there is no stack fanfold-net in eu-west-1" fanfold undeploy net --target lambda
ok deploy fanfold deploy net --target lambda --no-smoke --json
bucket=$(grep -o '"bucket": "[^"]*"' out | cut -d'"' -f4)
is functions "['net-master', 'net-w0', 'net-w1', 'net-w2', 'net-w3']" "$(ask 'functions()')"
is versions "['\$LATEST', '1']" "$(ask '[v["Version"] for v in of("lambda").list_versions_by_function(FunctionName="net-w0")["Versions"]]')"
is "the master's workers" "1,1,1,1" \
    "$(ask 'of("lambda").get_function_configuration(FunctionName="net-master")["Environment"]["Variables"]["FANFOLD_VERSIONS"]')"
is "code and templates" 6 "$(ask "len(keys('$bucket'))")"
ok again fanfold deploy net --target lambda --no-smoke
is "no more code" 6 "$(ask "len(keys('$bucket'))")"
fails other-bucket 11 "its own" fanfold deploy net --target lambda --no-smoke --bucket my-bucket
ok undeploy fanfold undeploy net --target lambda
is "no functions" "[]" "$(ask 'functions()')"
is "no bucket" "[]" "$(ask '[b["Name"] for b in of("s3").list_buckets()["Buckets"]]')"
is "no roles" 0 "$(ask 'len(of("iam").list_roles()["Roles"])')"

# a bucket that others use
ask 'of("s3").create_bucket(Bucket="shared", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})' >/dev/null
ask 'of("s3").put_object(Bucket="shared", Key="theirs", Body=b"1")' >/dev/null
ask 'of("s3").put_bucket_lifecycle_configuration(Bucket="shared", LifecycleConfiguration={"Rules": [{"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}}]})' >/dev/null
ask 'of("s3").put_bucket_policy(Bucket="shared", Policy="{\"Version\": \"2012-10-17\", \"Statement\": [{\"Sid\": \"theirs\", \"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"s3:PutObject\", \"Resource\": \"arn:aws:s3:::shared/locked/*\"}]}")' >/dev/null
rules='[(r["ID"], r["Filter"]["Prefix"], r["Expiration"]["Days"]) for r in of("s3").get_bucket_lifecycle_configuration(Bucket="shared")["Rules"]]'
sids='[s["Sid"][:7] for s in __import__("json").loads(of("s3").get_bucket_policy(Bucket="shared")["Policy"])["Statement"]]'
# moto takes our statement for one about every request: what a request leaves is put there before
ask 'of("s3").put_object(Bucket="shared", Key="fanfold/requests/net/left", Body=b"1")' >/dev/null
fails no-bucket 5 NoSuchBucket fanfold deploy net --target lambda --no-smoke --bucket not-there
for i in 1 2; do # the second time nothing is added twice
    ok "shared $i" fanfold deploy net --target lambda --no-smoke --bucket shared
    is rules "[('theirs', 'logs/', 30), ('fanfold-net', 'fanfold/requests/net/', 1)]" "$(ask "$rules")"
    is statements "['theirs', 'Fanfold']" "$(ask "$sids")"
done
ok "undeploy shared" fanfold undeploy net --target lambda
is "their object" "['theirs']" "$(ask 'keys("shared")')"
is "their rule" "[('theirs', 'logs/', 30)]" "$(ask "$rules")"
is "their statement" "['theirs']" "$(ask "$sids")"
is "nothing of ours" "[]" "$(ask 'functions()')"
(unset AWS_ACCESS_KEY_ID; fails no-credentials 10 AWS_ACCESS_KEY_ID fanfold deploy net --target lambda) || exit 1
(unset AWS_REGION; fails no-region 2 AWS_REGION fanfold deploy net --target lambda) || exit 1
echo "moto: $checks checks passed"
