#!/bin/bash
# Random requests signed by us and by botocore: the Authorization headers must be equal.
# Usage: sigv4_botocore.sh BUILD_FOLDER; 77 = skipped.
set -u
here=$(cd "$(dirname "$0")" && pwd)
if ! python3 -c 'import botocore.auth' 2>/dev/null; then
    echo "skipped: python3 cannot import botocore"
    exit 77
fi
exec python3 "$here/sigv4_botocore.py" "$1/prog_sigv4"
