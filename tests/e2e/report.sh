#!/usr/bin/env bash
# The page of `fanfold report`, opened in a headless browser, light and dark: nothing is fetched,
# no drawing's text runs out of it or into another, and all text can be read against its ground.
set -u
build=$(cd "${1:?usage: report.sh BUILD}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
[ -n "$browser" ] || { echo "skipped: no chromium (300 MB, optional: apt-get install chromium)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export PATH=$build:$PATH HOME=$work

mkdir -p results/plans
cp "$here"/report/*.json results/
fanfold zoo resnet50-v1 --width 1/8 -o m.onnx > /dev/null &&
    fanfold plan m.onnx --grid 2x2 --stages 3 -o results/plans/grid.json > /dev/null &&
    fanfold plan m.onnx --split 'channel 8' -o results/plans/channel.json > /dev/null || exit 1
echo '{"some": "other file"}' > results/other.json
fanfold report results -o page.html --json > out.json 2> err.txt || { cat err.txt; exit 1; }
grep -q '"other.json"' out.json && grep -q 'other.json: passed over' err.txt ||
    { echo 'FAILED: a file of no known kind is not said'; exit 1; }
drawings=$(grep -c '<svg' page.html)

# The page in a frame of another one, which looks at it and writes what it found into itself.
cp "$here/report/check.html" check.html
for scheme in 1 0; do # light, dark
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --allow-file-access-from-files \
        --user-data-dir="$work/profile" --blink-settings=preferredColorScheme=$scheme \
        --window-size=1200,900 --virtual-time-budget=20000 --dump-dom "file://$work/check.html" \
        > dom.html 2> browser.txt || { tail -5 browser.txt; echo "FAILED: the browser"; exit 1; }
    sed -n 's/.*<pre id="found">//; s/<\/pre>.*//; /^check: /p' dom.html > found.txt
    [ -s found.txt ] || { echo "FAILED: the check did not run"; tail -5 browser.txt; exit 1; }
    if grep -q '^check: fault' found.txt; then
        cat found.txt
        echo "FAILED: scheme $scheme"
        exit 1
    fi
    grep -q "^check: $drawings drawings" found.txt ||
        { cat found.txt; echo "FAILED: wanted $drawings drawings"; exit 1; }
    sed -n '/drawings/p' found.txt
done
