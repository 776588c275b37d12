#!/usr/bin/env bash
# Images: an OCI layout whose digests hold, the same bytes every time, and whose functions answer in
# a read-only root as a user without rights.
set -u
. "$PWD/tests/support/deploy.sh"

fanfold package net --target image -o image >/dev/null || exit 1
fanfold package net --target image -o again >/dev/null || exit 1
diff -r image again >/dev/null || die "two runs wrote different images"

# Digests, sizes and diff_ids against the bytes; each image unpacked, layer by layer.
python3 - image <<'PYTHON' || exit 1
import gzip, hashlib, io, json, os, sys, tarfile
base = sys.argv[1]
def blob(d):
    kind, _, name = d["digest"].partition(":")
    data = open(f"{base}/blobs/{kind}/{name}", "rb").read()
    assert kind == "sha256" and hashlib.sha256(data).hexdigest() == name, d
    assert len(data) == d["size"], d
    seen.add(name)
    return data
seen = set()
assert json.load(open(f"{base}/oci-layout")) == {"imageLayoutVersion": "1.0.0"}
index = json.load(open(f"{base}/index.json"))
for d in index["manifests"]:
    name = d["annotations"]["org.opencontainers.image.ref.name"]
    manifest = json.loads(blob(d))
    config = json.loads(blob(manifest["config"]))
    assert config["os"] == "linux" and config["architecture"] == d["platform"]["architecture"]
    assert config["config"]["User"] not in ("", "0", "root")
    assert config["config"]["Entrypoint"] == ["/var/task/bootstrap"]
    ids = config["rootfs"]["diff_ids"]
    assert len(ids) == len(manifest["layers"]) >= 3
    for layer, diff_id in zip(manifest["layers"], ids):
        tar = gzip.decompress(blob(layer))
        assert "sha256:" + hashlib.sha256(tar).hexdigest() == diff_id
        with tarfile.open(fileobj=io.BytesIO(tar)) as t:
            for member in t.getmembers():
                assert member.isdir() or member.isreg(), member
                assert (member.uid, member.gid, member.mtime) == (0, 0, 0), member
                assert member.mode == (0o755 if member.isdir() else member.mode), member
                assert member.mode in (0o755, 0o644), member # readable by all
            t.extractall(f"roots/{name}")
left = set(os.listdir(f"{base}/blobs/sha256")) - seen
assert not left, f"blobs that nobody names: {left}"
PYTHON
if command -v skopeo >/dev/null; then
    for function in master w0; do
        skopeo --insecure-policy copy --quiet "oci:image:net-$function" "oci:copy:$function" ||
            die "skopeo refuses the image of $function"
    done
    judged="skopeo took two of them; "
else
    judged="skopeo is absent; "
fi

# Read only and without rights needs mounts of one's own.
if [ "$(id -u)" != 0 ] || ! unshare -m true 2>err; then
    echo "skipped the run: wants root and mount namespaces; ${judged}digests hold"
    exit 77
fi
cat >start <<END
#!/bin/sh
unset LD_LIBRARY_PATH FANFOLD_FUNCTION
PATH=$PATH
export LAMBDA_TASK_ROOT=/var/task FANFOLD_BUNDLE=/var/task
root=$work/roots/\$AWS_LAMBDA_FUNCTION_NAME
exec unshare -m sh -c 'mount --bind "\$0" "\$0" && mount -o remount,ro,bind "\$0" &&
    ! touch "\$0/x" 2>/dev/null &&
    exec chroot --userspec=65532:65532 "\$0" /var/task/bootstrap' "\$root"
END
chmod +x start
serve "$build/fanfold-function" --output expected
serve "$work/start" --expect expected
functions=$(find roots -mindepth 1 -maxdepth 1 | wc -l)
started=$(grep -c 'ready after' up.log)
[ "$started" = "$functions" ] || die "$started of $functions functions started: $(cat up.log)"
echo "${judged}$functions images answered, read only and without rights"
