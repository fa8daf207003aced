#!/bin/sh
# demo.sh PROGRAM FOLDER: the whole of it once. Trains a small ViT on Fashion-MNIST, evaluates it,
# classifies test pictures, and draws what it learned.
set -eu
vitrine=$1
out=$2
rm -rf "$out"

step() { printf '\n== %s\n' "$1"; }

step "training a vision transformer on 55,000 pictures of clothes"
# Patches of 7 x 7 make 17 tokens, a third of the work of 4 x 4: minutes, not an hour.
"$vitrine" train --data fashion-mnist --model vit_d128_l3_h4_patch7_28_gray --epochs 9 --batch 64 \
  --lr 1e-3 --warmup-epochs 0.2 --clip-norm 1 --flip 0.5 --label-smoothing 0.1 --weight-init jax \
  --out "$out/run"

step "its accuracy on the 10,000 test pictures"
"$vitrine" eval --model "$out/run" --data fashion-mnist

step "some test pictures as PNG files, and what it says they are"
"$vitrine" visualize samples --model "$out/run" --count 12 --out "$out/pictures"
set -- "$out"/pictures/0*.png
"$vitrine" classify --model "$out/run" "$@"

step "pictures of what it learned"
"$vitrine" visualize position --model "$out/run" --out "$out/position.png"
"$vitrine" visualize attention --model "$out/run" --out "$out/attention.png" "$1"
"$vitrine" visualize rollout --model "$out/run" --out "$out/rollout.png" "$1" "$2" "$3"
cp "$out/run/curves.png" "$out/run/confusion.png" "$out/run/mistakes.png" "$out/pictures/sheet.png" "$out"

printf '\nLook at\n'
# Every picture that lies there, whatever was added above.
for picture in "$out"/*.png; do
  case $(basename "$picture") in
    attention.png) about='where each head looks in one picture' ;;
    confusion.png) about='which class is taken for which' ;;
    curves.png) about='loss and accuracy over the epochs' ;;
    mistakes.png) about='the worst mistakes' ;;
    position.png) about='how alike the position embeddings are' ;;
    rollout.png) about='where it looks through all blocks' ;;
    sheet.png) about='test pictures and what it says' ;;
    *) about='' ;;
  esac
  printf '  %-28s %s\n' "$picture" "$about"
done
