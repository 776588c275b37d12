"""Signs random requests with botocore and with the program given, and compares. See the .sh."""
import datetime
import random
import subprocess
import sys
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

COUNT = 2000
SEED = 20260101
TEXTS = ["a", "Z9", "-_.~", " ", "+", "/", ":", "=", "&", "%", "é", "日本", "*'()!", "$@,;", "?#"]


def text(rng, most):
    return "".join(rng.choice(TEXTS) for _ in range(rng.randint(1, most)))


def make(rng):
    service = rng.choice(["s3", "lambda"])
    path = "/" + "/".join(quote(text(rng, 4), safe="-_.~") for _ in range(rng.randint(0, 4)))
    pairs = [(quote(text(rng, 3), safe="-_.~"), quote(text(rng, 3), safe="-_.~"))
             for _ in range(rng.randint(0, 4))]
    headers = {}
    for _ in range(rng.randint(0, 4)):
        name = rng.choice(["X-Amz-Meta-", "x-amz-", "Range-", "Content-"]) + rng.choice("abcXYZ")
        headers[name.title()] = " ".join(rng.choice(["v", "w ", "x=1;y"]) for _ in range(3)).strip()
    return {
        "service": service,
        "region": rng.choice(["us-east-1", "eu-west-1", "ap-southeast-2"]),
        "epoch": rng.randint(1_400_000_000, 1_900_000_000),
        "key": "AKIA" + str(rng.randint(0, 3)),
        "secret": rng.choice(["wJalr/XUtn+FEMI", "another=secret"]),
        "token": rng.choice(["", "", "token/with+odd=chars=="]),
        "method": rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"]),
        "path": path,
        "query": "&".join(f"{name}={value}" for name, value in pairs),
        "host": rng.choice(["127.0.0.1:9000", "bucket.s3.us-east-1.amazonaws.com", "localhost"]),
        "hash": "%064x" % rng.getrandbits(256),
        "headers": headers,
    }


def by_botocore(r):
    """botocore's Authorization; it takes the payload's hash from the header that S3 wants."""
    now = datetime.datetime.fromtimestamp(r["epoch"], datetime.timezone.utc).replace(tzinfo=None)
    for name in ("get_current_datetime", "utcnow"):
        if hasattr(botocore.auth, name):
            setattr(botocore.auth, name, lambda *a, **k: now)
    url = f"http://{r['host']}{r['path']}" + (f"?{r['query']}" if r["query"] else "")
    request = AWSRequest(method=r["method"], url=url, headers=dict(r["headers"]))
    credentials = Credentials(r["key"], r["secret"], r["token"] or None)
    kind = botocore.auth.S3SigV4Auth if r["service"] == "s3" else botocore.auth.SigV4Auth
    signer = kind(credentials, r["service"], r["region"])
    signer.payload = lambda _: r["hash"]
    signer.add_auth(request)
    return request.headers["Authorization"]


def main():
    rng = random.Random(SEED)
    requests = [make(rng) for _ in range(COUNT)]
    lines = []
    for r in requests:
        fields = [r["service"], r["region"], str(r["epoch"] * 1000), r["key"], r["secret"],
                  r["token"], r["method"], r["path"], r["query"], r["host"], r["hash"]]
        for name, value in r["headers"].items():
            fields += [name, value]
        lines.append("\t".join(fields))
    done = subprocess.run([sys.argv[1]], input="\n".join(lines) + "\n", capture_output=True,
                          text=True, check=True, timeout=120)
    ours = done.stdout.splitlines()
    wrong = 0
    for r, line, signature in zip(requests, lines, ours, strict=True):
        wanted = by_botocore(r)
        if signature != wanted:
            wrong += 1
            if wrong <= 3:
                print(f"request: {line}\n  wanted {wanted}\n  found  {signature}")
    print(f"{COUNT} requests (seed {SEED}), {wrong} signed differently from botocore")
    return 1 if wrong or len(ours) != COUNT else 0


if __name__ == "__main__":
    sys.exit(main())
