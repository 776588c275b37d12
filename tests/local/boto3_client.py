"""Drives the platform with boto3. boto3_client.py BUCKET [keep|kept]

keep leaves an object behind; kept finds it (after a restart on the same folder)."""
import base64
import datetime
import hashlib
import http.client
import io
import json
import os
import sys
import threading
import urllib.parse
import zlib

import boto3
import botocore.auth
import botocore.awsrequest
from botocore.config import Config
from botocore.exceptions import ClientError, MissingDependencyException

bucket, mode = sys.argv[1], (sys.argv[2:] or [""])[0]
config = Config(retries={"max_attempts": 0}, read_timeout=30, signature_version="s3v4")
s3 = boto3.client("s3", config=config)
lam = boto3.client("lambda", config=Config(retries={"max_attempts": 0}, read_timeout=30))
count = 0


def same(what, wanted, found):
    global count
    count += 1
    if wanted != found:
        sys.exit(f"boto3: {what}: wanted {wanted!r}, found {found!r}")


def fails(what, code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        same(what, code, e.response["Error"]["Code"])
        return e.response
    sys.exit(f"boto3: {what}: no error, wanted {code}")


def objects():
    body = bytes(range(256)) * 40
    put = s3.put_object(Bucket=bucket, Key="a/b c+ü", Body=body, ContentType="x/y",
                        Metadata={"one": "1"}, ContentEncoding="gzip")
    same("an ETag", '"%s"' % hashlib.md5(body).hexdigest(), put["ETag"])
    got = s3.get_object(Bucket=bucket, Key="a/b c+ü")
    same("a body", body, got["Body"].read())
    same("a type", "x/y", got["ContentType"])
    same("an encoding", "gzip", got["ContentEncoding"])
    same("metadata", {"one": "1"}, got["Metadata"])
    head = s3.head_object(Bucket=bucket, Key="a/b c+ü", ChecksumMode="ENABLED")
    same("a length", len(body), head["ContentLength"])
    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    same("a checksum", crc, head["ChecksumCRC32"])
    for spec, wanted in (("bytes=5-9", body[5:10]), ("bytes=10200-", body[10200:]),
                         ("bytes=-7", body[-7:]), ("bytes=0-999999", body)):
        part = s3.get_object(Bucket=bucket, Key="a/b c+ü", Range=spec)
        same(spec, wanted, part["Body"].read())
        same(spec, 206, part["ResponseMetadata"]["HTTPStatusCode"])
    fails("a range behind the end", "InvalidRange", s3.get_object, Bucket=bucket, Key="a/b c+ü",
          Range="bytes=99999-")
    fails("If-Match", "PreconditionFailed", s3.get_object, Bucket=bucket, Key="a/b c+ü",
          IfMatch='"x"')
    fails("If-None-Match", "304", s3.get_object, Bucket=bucket, Key="a/b c+ü",
          IfNoneMatch=put["ETag"])
    fails("If-Modified-Since", "304", s3.get_object, Bucket=bucket, Key="a/b c+ü",
          IfModifiedSince=datetime.datetime.now() + datetime.timedelta(hours=1))
    fails("a put where there is one", "PreconditionFailed", s3.put_object, Bucket=bucket,
          Key="a/b c+ü", Body=b"", IfNoneMatch="*")
    s3.put_object(Bucket=bucket, Key="fresh", Body=b"", IfNoneMatch="*")
    same("an empty object", b"", s3.get_object(Bucket=bucket, Key="fresh")["Body"].read())
    fails("an absent key", "NoSuchKey", s3.get_object, Bucket=bucket, Key="nope")
    fails("an absent bucket", "NoSuchBucket", s3.get_object, Bucket="nowhere", Key="nope")
    fails("an absent key, HEAD", "404", s3.head_object, Bucket=bucket, Key="nope")
    fails("a key that is too long", "KeyTooLongError", s3.put_object, Bucket=bucket,
          Key="k" * 1025, Body=b"")
    fails("metadata that are too large", "MetadataTooLarge", s3.put_object, Bucket=bucket, Key="k",
          Body=b"", Metadata={"m": "x" * 2100})
    for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"):
        try:
            s3.put_object(Bucket=bucket, Key="sum", Body=body, ChecksumAlgorithm=algorithm)
        except MissingDependencyException:
            pass  # CRC32C and CRC64NVME want an optional library; test_checksum has them
    fails("a wrong checksum", "BadDigest", s3.put_object, Bucket=bucket, Key="sum", Body=b"x",
          ChecksumCRC32="AAAAAA==")
    fails("a wrong MD5", "BadDigest", s3.put_object, Bucket=bucket, Key="sum", Body=b"x",
          ContentMD5=base64.b64encode(hashlib.md5(b"y").digest()).decode())
    s3.copy_object(Bucket=bucket, Key="copied", CopySource={"Bucket": bucket, "Key": "a/b c+ü"})
    copied = s3.get_object(Bucket=bucket, Key="copied")
    same("a copy", (body, {"one": "1"}), (copied["Body"].read(), copied["Metadata"]))
    s3.delete_object(Bucket=bucket, Key="a/b c+ü")
    s3.delete_object(Bucket=bucket, Key="a/b c+ü")  # absent is fine
    same("the copy is its own", body, s3.get_object(Bucket=bucket, Key="copied")["Body"].read())


def listings():
    keys = sorted([f"l/{d}/{i:03}" for d in "abc" for i in range(40)] + ["l/z", "l/&<>\"'"],
                  key=lambda k: k.encode())
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for size in (7, 1000):
        for name in ("list_objects_v2", "list_objects"):
            found, prefixes = [], []
            pages = s3.get_paginator(name).paginate(
                Bucket=bucket, Prefix="l/", PaginationConfig={"PageSize": size})
            for page in pages:
                found += [c["Key"] for c in page.get("Contents", [])]
            same(f"{name} by {size}", keys, found)
            pages = s3.get_paginator(name).paginate(
                Bucket=bucket, Prefix="l/", Delimiter="/", PaginationConfig={"PageSize": 2})
            found = []
            for page in pages:
                found += [c["Key"] for c in page.get("Contents", [])]
                prefixes += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
            same(f"{name}, rolled up", ["l/a/", "l/b/", "l/c/"], prefixes)
            same(f"{name}, the rest", ["l/&<>\"'", "l/z"], found)
    page = s3.list_objects_v2(Bucket=bucket, Prefix="l/", StartAfter="l/c/038")
    same("start-after", ["l/c/039", "l/z"], [c["Key"] for c in page["Contents"]])
    same("no keys at all", 0, s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"])
    fails("a token that is none", "InvalidArgument", s3.list_objects_v2, Bucket=bucket,
          ContinuationToken="!")
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys]})
    same("DeleteObjects", sorted(keys), sorted(d["Key"] for d in gone["Deleted"]))
    same("nothing left", 0, s3.list_objects_v2(Bucket=bucket, Prefix="l/")["KeyCount"])
    raw = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket})
    same("a malformed delete", 403, fetch("POST", raw + "&delete", b"<Delete>")[0])


def multipart():
    parts = [os.urandom(5 << 20), os.urandom(5 << 20), b"the end"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="multi", ContentType="a/b")["UploadId"]
    done = []
    for number in (3, 1, 2):
        reply = s3.upload_part(Bucket=bucket, Key="multi", UploadId=upload, PartNumber=number,
                               Body=parts[number - 1])
        done.append({"PartNumber": number, "ETag": reply["ETag"]})
    listed = s3.list_parts(Bucket=bucket, Key="multi", UploadId=upload)["Parts"]
    same("parts", [(1, 5 << 20), (2, 5 << 20), (3, 7)],
         [(p["PartNumber"], p["Size"]) for p in listed])
    same("uploads", ["multi"],
         [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]])
    arguments = {"Bucket": bucket, "Key": "multi", "UploadId": upload}
    fails("parts out of order", "InvalidPartOrder", s3.complete_multipart_upload,
          MultipartUpload={"Parts": done}, **arguments)
    done.sort(key=lambda p: p["PartNumber"])
    wrong = [dict(done[0], ETag='"%s"' % ("0" * 32))] + done[1:]
    fails("a part that is another", "InvalidPart", s3.complete_multipart_upload,
          MultipartUpload={"Parts": wrong}, **arguments)
    end = s3.complete_multipart_upload(MultipartUpload={"Parts": done}, **arguments)
    digest = hashlib.md5(b"".join(hashlib.md5(p).digest() for p in parts)).hexdigest()
    same("the ETag of the whole", f'"{digest}-3"', end["ETag"])
    got = s3.get_object(Bucket=bucket, Key="multi")
    same("the whole", (b"".join(parts), "a/b"), (got["Body"].read(), got["ContentType"]))
    fails("an upload that is over", "NoSuchUpload", s3.upload_part, PartNumber=1, Body=b"x",
          **arguments)
    other = s3.create_multipart_upload(Bucket=bucket, Key="other")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="other", UploadId=other, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key="other", UploadId=other)
    fails("an aborted one", "NoSuchUpload", s3.list_parts, Bucket=bucket, Key="other",
          UploadId=other)
    s3.upload_fileobj(io.BytesIO(os.urandom(20 << 20)), bucket, "file")
    same("a large file", 20 << 20, s3.head_object(Bucket=bucket, Key="file")["ContentLength"])
    same("no upload left", None, s3.list_multipart_uploads(Bucket=bucket).get("Uploads"))


def fetch(method, url, body=None, headers=None):
    at = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(at.netloc, timeout=30)
    connection.request(method, at.path + ("?" + at.query if at.query else ""), body, headers or {})
    reply = connection.getresponse()
    return reply.status, reply.read(), dict(reply.getheaders())


def presigned():
    s3.put_object(Bucket=bucket, Key="signed/x y", Body=b"presigned")
    url = s3.generate_presigned_url("get_object", ExpiresIn=60, Params={
        "Bucket": bucket, "Key": "signed/x y", "ResponseContentType": "text/other"})
    status, body, headers = fetch("GET", url)
    same("a presigned GET", (200, b"presigned", "text/other"),
         (status, body, headers["Content-Type"]))
    same("its key changed", 403, fetch("GET", url.replace("signed/", "signee/"))[0])
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "signed/put"})
    same("a presigned PUT", 200, fetch("PUT", url, b"by url")[0])
    same("what it stored", b"by url", s3.get_object(Bucket=bucket, Key="signed/put")["Body"].read())
    url = s3.generate_presigned_url("get_object", ExpiresIn=1, Params={
        "Bucket": bucket, "Key": "signed/put"})
    threading.Event().wait(2.1)
    same("one that has expired", 403, fetch("GET", url)[0])
    same("unsigned", 403, fetch("GET", f"{s3.meta.endpoint_url}/{bucket}/signed/put")[0])
    old = boto3.client("s3", config=Config(signature_version="s3"))
    url = old.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "signed/put"})
    same("signature version 2", 403, fetch("GET", url)[0])


def chunked():
    """The encodings that botocore uses over https, made by hand over http."""
    credentials = boto3.Session().get_credentials()
    body = bytes(range(256)) * 1000

    def put(key, framed, content, **headers):
        url = f"{s3.meta.endpoint_url}/{bucket}/{key}"
        request = botocore.awsrequest.AWSRequest("PUT", url, data=framed, headers={
            "X-Amz-Content-SHA256": content, "Content-Encoding": "aws-chunked",
            "X-Amz-Decoded-Content-Length": str(len(body)), **headers})

        class Auth(botocore.auth.S3SigV4Auth):
            def payload(self, _):
                return content

        Auth(credentials, "s3", "us-east-1").add_auth(request)
        headers = dict(request.headers.items())
        headers["Content-Length"] = str(len(framed))
        return fetch("PUT", url, framed, headers)

    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    frames = b"".join(b"%x\r\n%s\r\n" % (len(part), part)
                      for part in (body[i:i + 70000] for i in range(0, len(body), 70000)))
    good = frames + b"0\r\nx-amz-checksum-crc32:" + crc.encode() + b"\r\n\r\n"
    name = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    trailer = {"X-Amz-Trailer": "x-amz-checksum-crc32"}
    same("aws-chunked with a trailer", 200, put("chunked", good, name, **trailer)[0])
    got = s3.get_object(Bucket=bucket, Key="chunked")
    same("what it stored", (body, None), (got["Body"].read(), got.get("ContentEncoding")))
    for what, framed, code in (
            ("a wrong checksum", good.replace(crc.encode(), b"AAAAAA=="), b"BadDigest"),
            ("cut short", good[:-20], b"InvalidChunkSizeError"),
            ("a length too many", b"5\r\nabcde\r\n" + good, b"IncompleteBody"),
            ("no hexadecimal", b"zz\r\n" + good, b"InvalidChunkSizeError")):
        status, text, _ = put("bad", framed, name, **trailer)
        same(what, (400, True), (status, code in text))
    status, text, _ = put("bad", good, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", **trailer)
    same("chunks without signatures", (403, True), (status, b"SignatureDoesNotMatch" in text))
    fails("no bad object", "404", s3.head_object, Bucket=bucket, Key="bad")


def sub_resources():
    s3.put_object(Bucket=bucket, Key="sub", Body=b"not XML")
    same("acl of an object", "FULL_CONTROL",
         s3.get_object_acl(Bucket=bucket, Key="sub")["Grants"][0]["Permission"])
    same("acl of a bucket", "FULL_CONTROL",
         s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"])
    same("tags", [], s3.get_object_tagging(Bucket=bucket, Key="sub")["TagSet"])
    same("versioning", None, s3.get_bucket_versioning(Bucket=bucket).get("Status"))
    same("location", None, s3.get_bucket_location(Bucket=bucket)["LocationConstraint"])
    for call, code in ((s3.get_bucket_policy, "NoSuchBucketPolicy"),
                       (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
                       (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
                       (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
                       (s3.list_object_versions, "NotImplemented")):
        fails(code, code, call, Bucket=bucket)
    fails("versioning cannot be set", "NotImplemented", s3.put_bucket_versioning, Bucket=bucket,
          VersioningConfiguration={"Status": "Enabled"})
    s3.head_bucket(Bucket=bucket)
    fails("an absent bucket", "404", s3.head_bucket, Bucket="nowhere")
    fails("twice the same bucket", "BucketAlreadyOwnedByYou", s3.create_bucket, Bucket=bucket)
    s3.create_bucket(Bucket="another-one")
    same("all buckets", {bucket, "another-one"}, {b["Name"] for b in s3.list_buckets()["Buckets"]})
    s3.delete_bucket(Bucket="another-one")


def functions():
    reply = lam.invoke(FunctionName="echo", Payload=b'{"x": "\xc3\xa4"}', LogType="Tail")
    same("an answer", b'{"x": "\xc3\xa4"}', reply["Payload"].read())
    same("no error", None, reply.get("FunctionError"))
    same("a report", True, b"REPORT RequestId" in base64.b64decode(reply["LogResult"]))
    large = json.dumps("x" * (6291456 - 2)).encode()
    same("the largest request", large, lam.invoke(FunctionName="echo",
                                                  Payload=large)["Payload"].read())
    try:
        lam.invoke(FunctionName="echo", Payload=large + b" ")
        sys.exit("boto3: a request over the limit was taken")
    except ClientError as e:
        same("one byte more", 413, e.response["ResponseMetadata"]["HTTPStatusCode"])
    reply = lam.invoke(FunctionName="slow", Payload=b'{"do":"hang"}')
    same("a time-out", "Unhandled", reply["FunctionError"])
    same("its text", True, b"Task timed out after 1.00 seconds" in reply["Payload"].read())
    context = base64.b64encode(b'{"custom":{"k":1}}').decode()
    reply = lam.invoke(FunctionName="echo", Payload=b'{"do":"head"}', ClientContext=context)
    same("a client context", True, b'{"custom":{"k":1}}' in reply["Payload"].read())


def state():
    return json.loads(fetch("GET", f"{s3.meta.endpoint_url}/_fanfold/state")[1])


if mode == "kept":
    kept = s3.get_object(Bucket=bucket, Key="kept/ö")
    same("an object after a restart", (b"k" * 100000, {"m": "1"}),
         (kept["Body"].read(), kept["Metadata"]))
    same("and nothing else", 1, state()["objects"])
    s3.delete_object(Bucket=bucket, Key="kept/ö")
else:
    for step in (objects, listings, multipart, presigned, chunked, sub_resources, functions):
        step()
    for content in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=content["Key"])
    same("no object left", (0, 0, 0), tuple(state()[k] for k in ("objects", "object_bytes",
                                                                 "uploads")))
    if mode == "keep":
        s3.put_object(Bucket=bucket, Key="kept/ö", Body=b"old")
        s3.put_object(Bucket=bucket, Key="kept/ö", Body=b"k" * 100000, Metadata={"m": "1"})
print(f"boto3: {count} checks passed {mode}")
