"""Training runs: what is typed, what a folder holds, how a run goes on and ends."""
import os

from program import MODEL, png_bytes, refused, run

DATA = ["train", "--data", "idx:data", "--model", MODEL, "--out", "x"]


def pictures(folder, sizes=(12, 12), count=20, classes=("blue", "red"), grey=False):
    """A folder of coloured pictures, `count` of each class."""
    for k, name in enumerate(classes):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        for i in range(count):
            colour = (40 + 60 * k + i % 20,) * 3 if grey else (30 + 90 * k + i % 20, 40, 220 - 90 * k)
            with open(f"{folder}/{name}/{i:03}.png", "wb") as f:
                f.write(png_bytes(*sizes, colour))


def test_numbers_that_are_none():
    for option, says in ((["--epochs", "five"], "--epochs: 'five' is no whole number"),
                         (["--epochs=five"], "--epochs: 'five' is no whole number"),
                         (["--epochs", "1.5"], "'1.5' is no whole number"), (["--epochs", "-1"], "--epochs: must be 0 or"),
                         (["--epochs", "0"], "--epochs 0: must be 1 to 1000000"),
                         (["--epochs", "99999999999999999999"], "too large"), (["--seed", "-1"], "--seed: -1 is negative"),
                         (["--threads", "0"], "--threads: must be 1 to 1024, got 0"), (["--batch"], "its value is missing"),
                         (["--lr", "0,001"], "--lr: '0,001' is no number: write 0.001"), (["--lr", "nan"], "'nan' is no number"),
                         (["--lr", "inf"], "'inf' is no number"), (["--lr", "1e999"], "too large"),
                         (["--lr", "1000"], "--lr 1000: must be above 0 and below 1000"),
                         (["--lr", "0"], "--lr 0: must be above 0 and below 1000"),
                         (["--set", "lr=0"], "--set lr=0: must be above 0"), (["--image-size", "64x48"], "'64x48'"),
                         (["--set", "epochs=abc"], "--set epochs=abc: must be a whole number"),
                         (["--set", "augment.flip=x"], "--set augment.flip=x: must be a number"),
                         (["--flip", "2"], "--flip 2: must be 0 to 1"), (["--lr", "1", "--lr", "2"], "--lr was given more than once"),
                         (["--ema-warmup", "perhaps"], "neither true nor false"), (["--mixup", "1e9"], "--mixup 1000000000: must be 0 or")):
        line = refused(*DATA, *option, status=2, says=says)
        assert len(line) < 200 and "json.exception" not in line, line
    refused("classify", "--top", "many", "x.png", status=2, says="'many'")
    assert not os.path.exists("x")


def test_mistakes_of_spelling():
    for words, says in ((["trian"], "did you mean train? See vitrine --help"), (["help"], "did you mean --help?"),
                        (["help", "train"], "did you mean --help?"), (["--versoin"], "did you mean --version?"),
                        (["visualize", "attenton", "x.png"], "did you mean attention? See vitrine visualize --help"),
                        ([], "name a command: train, eval"), (["visualize"], "name a command: position"),
                        (["classify", "--topk", 5, "x.png"], "unknown option '--topk'; did you mean --top? See vitrine classify"),
                        (["eval", "--modle=x"], "unknown option '--modle'; did you mean --model? See vitrine eval --help"),
                        (["inspect", "a", "b"], "'b' was not expected here; see vitrine inspect --help"),
                        (["train", "--data", "idx:data"], "--out is required; see vitrine train --help")):
        refused(*words, status=2, says=says)
    for words, says in ((["--epoch", 5], "unknown option '--epoch'; did you mean --epochs? See vitrine train --help"),
                        (["--batch-size", 5], "did you mean --batch?"), (["--learning-rate", 1], "did you mean --lr?"),
                        (["--num-workers", 1], "did you mean --workers?"), (["--optimizer", "adam"], "did you mean adamw?"),
                        (["--set", "flip=0.5"], "did you mean 'augment.flip'?"), (["--set", "schedule=cos"], "known are constant"),
                        (["--set", "schedule=cosin"], "did you mean cosine?")):
        refused(*DATA, *words, status=2, says=says)
    os.makedirs("photos", exist_ok=True)
    open("list.csv", "w").close()
    for data, says in (("photos", "did you mean folder:photos?"), ("data", "did you mean idx:data?"),
                       ("list.csv", "did you mean csv:list.csv?"), ("fashion-mnits", "did you mean fashion-mnist?"),
                       ("foldr:photos", "did you mean folder:photos?")):
        refused("train", "--data", data, "--out", "x", status=2, says=says)
    assert not os.path.exists("x")


def test_batch_norm_needs_more_than_one_number():
    pictures("small", (32, 32))
    options = ["train", "--data", "folder:small", "--model", "resnet18", "--image-size", 32, "--epochs", 1, "--quiet"]
    refused(*options, "--batch", 1, "--out", "x", status=1, says="a larger batch, or larger images")
    run("bench", "train", "--model", "vit_d32_l1_h2_patch4_8", "--batch", 1, "--seconds", 0.01)
