#!/usr/bin/env bash
# Every network of the zoo at an eighth of its width: written, inspected, planned whole and as a grid, built, and
# verified against the whole model. Arguments: the build folder, then networks (default: all, one of each family).
set -u
build=$(cd "${1:?usage: zoo.sh BUILD [NETWORK...]}" && pwd)
export PATH="$build:$PATH"
shift
# name:G with G grid stages at least; 0 is none, "any" is not looked at (ViT's patches are convolved)
all="resnet50-v1:1 resnet50-v2:1 resnet152-v2:1 vgg11:1 vgg16:1 vgg19:1 wrn34-1:1 wrn50-5:1 densenet121:1 inception-v3:1
    mobilenet-v2:1 efficientnet-b0:1 unet:1 vit-b16:any bert-base:0 gpt2-small:0 rnn-2:0"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
steps=0 failed=0

# step NETWORK WHAT COMMAND...: its exit code must be 0.
step() {
    local name=$1 what=$2 code
    shift 2
    steps=$((steps + 1))
    "$@" > out 2> err
    code=$?
    [ $code = 0 ] && return 0
    failed=$((failed + 1))
    echo "FAILED $name, $what: exit code $code"
    head -5 err
    return 1
}

# want NETWORK WHAT TEST...
want() {
    local name=$1 what=$2
    shift 2
    steps=$((steps + 1))
    "$@" && return 0
    failed=$((failed + 1))
    echo "FAILED $name: $what"
}

try() {
    local name=$1 least=$2 planner grids
    step "$name" zoo fanfold zoo "$name" --width 1/8 -o m.onnx || return
    step "$name" inspect fanfold inspect m.onnx --json || return
    for planner in single "grid --grid 2x2"; do
        rm -rf plan.json bundle
        # shellcheck disable=SC2086
        step "$name" "plan $planner" fanfold plan m.onnx --planner $planner -o plan.json || return
        grids=$(grep -o '"split": *"grid 2x2"' plan.json | wc -l)
        case $planner:$least in
        single:* | *:0) want "$name" "$grids grid stages with $planner, wanted none" [ "$grids" = 0 ] ;;
        *:any) ;;
        *) want "$name" "$grids grid stages, wanted $least" [ "$grids" -ge "$least" ] ;;
        esac
        step "$name" "build $planner" fanfold build plan.json -o bundle || return
        step "$name" "verify $planner" fanfold verify bundle --json || return
        want "$name" "verify $planner says $(cat out)" grep -qE '"ok": *true' out
    done
    # a bundle whose model is another one is refused
    step "$name" "zoo, another seed" fanfold zoo "$name" --width 1/8 --seed 2 -o m.onnx || return
    fanfold build plan.json -o other > out 2> err
    want "$name" "a plan of another model is built" [ $? != 0 ]
    rm -rf m.onnx* other
}

for item in ${*:-$all}; do
    case $item in
    *:*) try "${item%:*}" "${item#*:}" ;;
    *) try "$item" any ;;
    esac
done
echo "$steps steps, $failed failed"
[ $failed = 0 ] && [ $steps -gt 0 ]
