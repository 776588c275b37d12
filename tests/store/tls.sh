#!/bin/bash
# S3 over TLS: a certificate that nobody vouches for, or another host's, is refused; a trusted one
# carries an unsigned payload. Usage: tls.sh BUILD_FOLDER; 77 = skipped.
set -u
here=$(cd "$(dirname "$0")" && pwd)
prog=$1/prog_store
for tool in openssl python3; do
    command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
work=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill $server 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; cat "$work"/*.txt; exit 1; }

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=fanfold-test \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$work/key.pem" -out "$work/cert.pem" \
    2>"$work/openssl.txt" || fail "no certificate"
python3 "$here/tls_server.py" "$work/cert.pem" "$work/key.pem" >"$work/port" 2>"$work/seen.txt" &
server=$!
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
port=$(cat "$work/port")
[ -n "$port" ] || fail "the server did not start"

export AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=secret
unset AWS_CA_BUNDLE SSL_CERT_FILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL_S3
export AWS_ENDPOINT_URL=https://127.0.0.1:$port
run() { printf 'value' | timeout 60 "$prog" s3://bucket "$@" >"$work/out.txt" 2>"$work/err.txt"; }

checks=0
expect() { # what, wanted exit code, found
    [ "$2" = "$3" ] || fail "$1: wanted exit code $2, found $3"
    checks=$((checks + 1))
}
run put d/k; expect "a certificate that nobody vouches for" 10 $?
grep -q DENIED "$work/err.txt" || fail "not DENIED"
grep -q PUT "$work/seen.txt" && fail "the request was sent to a server that is not trusted"
export AWS_CA_BUNDLE=$work/cert.pem
run put d/k; expect "a trusted certificate" 0 $?
grep -q "PUT /bucket/d/k UNSIGNED-PAYLOAD value" "$work/seen.txt" || fail "not an unsigned payload"
run get d/k; expect "reading" 0 $?
[ "$(cat "$work/out.txt")" = value ] || fail "another value came back"
AWS_ENDPOINT_URL=https://localhost:$port run get d/k; expect "another host's certificate" 10 $?
AWS_CA_BUNDLE=$work/absent.pem run get d/k; expect "an absent bundle" 10 $?
AWS_ENDPOINT_URL=http://127.0.0.1:$port run get d/k
[ $? -ne 0 ] || fail "plain HTTP to a TLS port was taken"
echo "$checks checks passed"
