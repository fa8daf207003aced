#!/usr/bin/env python3
"""check_inner_loops.py [--count FILE] OBJDUMP OBJECT...: the micro-kernels of ops/simd as the compiler left them.

g++ 12 is known to keep a whole array of accumulators on the stack, which halves the speed and changes no result. So
every micro-kernel's loops over k must hold the multiply-adds of whole steps, read each vector of B and each
value of A once, and touch no vector on the stack. (Only tiles of 4 rows and more: fewer occur in products that wait for
memory anyway.) OBJECT is .../ISA/gemm.o, attention.o or gemm_int8.o; of the last, whose B has another form, the products and the
stack are looked at.
Ends with "N passed, N failed, 0 skipped"; status 1 if something failed, unless --count leaves that to who reads FILE.
"""
import argparse
import re
import subprocess
import sys

KERNEL = re.compile(r"^[0-9a-f]+ <.*\bmicro_kernel<(\d+), (\d+)(?:, (true|false))?[>,].*>:$")
JUMP = re.compile(r"^(j|b$|b\.|cb|tb|bl|call|ret)")
INSTRUCTION = re.compile(r"^\s+([0-9a-f]+):\s+(\S+)\s*(.*)$")
MULTIPLY = {"sse42": r"^mulps$", "avx2": r"^vfn?m(add|sub)\d+ps$", "avx512": r"^vfn?m(add|sub)\d+ps$", "neon64": r"^fml[as]$",
            "avx512_bf16": r"^vdpbf16ps$", "neon64_bf16": r"^bfdot$"}
# Products of integers, and how many of them a vector of sums takes per step.
INT8 = {"sse42": (r"^pmaddubsw$", 2), "avx2": (r"^vpmaddubsw$", 2), "avx512": (r"^vpmaddubsw$", 2), "neon64": (r"^smull2?$", 2),
        "avx2_vnni": (r"^vpdpbusd$", 1), "avx512_vnni": (r"^vpdpbusd$", 1), "neon64_dotprod": (r"^sdot$", 1),
        "neon64_i8mm": (r"^usmmla$", 1)}
# Products of tiles, 16 rows by a vector each.
TILES = {"avx512_amx": r"^tdp(busd|bf16ps)$"}
VECTOR = r"%[xyz]mm\d|\bv\d+\.|\b[qs]\d+\b"
MEMORY = r"\(%|\[(x|sp)"
STACK = r"\(%rsp|\(%rbp|\[sp\b|\[x29\b"


def kernels(objdump, path):
    """((rows, vectors, in place), [(address, mnemonic, operands)]) for every micro-kernel."""
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", "-C", path], capture_output=True, text=True, check=True).stdout
    for part in text.split("\n\n"):
        lines = part.strip().splitlines()
        head = lines and KERNEL.match(lines[0])
        if head:
            found = (INSTRUCTION.match(line.replace("{vex} ", "")) for line in lines[1:])
            yield head.groups(), [(int(m[1], 16), m[2], m[3]) for m in found if m]


def innermost_loops(code, multiply):
    """The runs of instructions that multiply, end in a jump back to their start and have no other jump: the steps of k,
    and the first of them, which fetch C, unless the compiler wrote those out one by one."""
    jumps = [i for i, (_, name, _) in enumerate(code) if JUMP.match(name)]
    for before, i in zip([-1, *jumps], jumps):
        address, _, operands = code[i]
        target = re.search(r"(?:^|\s)([0-9a-f]+) <", operands)
        if target and code[before + 1][0] <= int(target[1], 16) <= address:
            loop = [c for c in code[before + 1:i + 1] if c[0] >= int(target[1], 16)]
            if any(re.match(multiply, c[1]) for c in loop):
                yield loop


def counts(isa, loop):
    """Multiply-adds, and vectors or values read from memory, of a loop."""
    multiplies = sum(bool(re.match(MULTIPLY[isa], name)) for _, name, _ in loop)
    reads = sum(1 + (name == "ldp") for _, name, operands in loop if re.search(VECTOR, operands) and re.search(MEMORY, operands))
    return multiplies, reads


def int8_faults(isa, rows, vectors, loop):
    multiply, per_step = INT8[isa]
    multiplies = sum(bool(re.match(multiply, name)) for _, name, _ in loop)
    expected = -(-rows // 2) * 2 * vectors if isa == "neon64_i8mm" else rows * vectors * per_step
    if multiplies % expected != 0:
        yield f"{multiplies} products per round, not {expected}"
    yield from stack_faults(loop)


def stack_faults(loop):
    on_stack = [f"{name} {operands}" for _, name, operands in loop if re.search(VECTOR, operands) and re.search(STACK, operands)]
    if on_stack:
        yield "uses the stack: " + "; ".join(on_stack[:3])


def faults(isa, rows, vectors, loop):
    multiplies, reads = counts(isa, loop)
    steps = multiplies / (rows * vectors)
    if steps < 1 or steps != int(steps):
        yield f"{multiplies} multiply-adds per round, not {rows * vectors}"
    elif reads > steps * (rows + vectors):
        yield f"reads memory {reads} times per {multiplies} multiply-adds"
    yield from stack_faults(loop)


def tile_faults(isa, rows, vectors, code):
    """Of a whole micro-kernel, whose loop over k calls what is done beside it, and of which the compiler may make several: every
    tile of B is read once, and again for the second row of tiles but for the one that was read last."""
    names = [name for _, name, _ in code]
    products, reads, tiles = sum(bool(re.match(TILES[isa], name)) for name in names), names.count("tileloadd"), rows // 16
    loops = products // (tiles * vectors)
    if loops < 1 or products != loops * tiles * vectors:
        yield f"{products} products, not {tiles * vectors} per round"
    if reads > loops * (1 + tiles * vectors):
        yield f"reads {reads} tiles for {products} products"
    yield from stack_faults([c for c in code if c[1].startswith("tdp")])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--count")
    p.add_argument("objdump")
    p.add_argument("objects", nargs="+")
    a = p.parse_args()
    passed = failed = 0
    for path in a.objects:
        isa, name = path.split("/")[-2:]
        int8 = name == "gemm_int8.o"
        name = f"{isa}, {name.removesuffix('.o')}"
        tiles = isa in TILES
        if tiles:
            multiply, check = None, tile_faults
        else:
            multiply, check = (INT8[isa][0], int8_faults) if int8 else (MULTIPLY[isa], faults)
        seen = 0
        largest = (0, 0)
        for (rows, vectors, in_place), code in kernels(a.objdump, path):
            if int(rows) < (2 if int8 else 4):
                continue
            seen += 1
            loops = [code] if tiles else list(innermost_loops(code, multiply))
            wrong = [text for loop in loops for text in check(isa, int(rows), int(vectors), loop)]
            if not loops:
                wrong.append("has no loop")
            largest = max([largest] + [(0, 0) if int8 or tiles else counts(isa, loop) for loop in loops])
            failed += bool(wrong)
            passed += not wrong
            for text in wrong:
                print(f"{name}: micro-kernel of {rows} rows, {vectors} vectors, A {'in place' if in_place == 'true' else 'packed'}: {text}")
        if seen < (4 if int8 or tiles else 2 * 3 * 2):  # 4 to 6 rows at least, 2 vectors, A packed and in place
            print(f"{path}: only {seen} micro-kernels")
            failed += 1
        figures = "" if int8 or tiles else f"; the largest has {largest[0]} multiply-adds and {largest[1]} reads per round"
        print(f"{name}: {seen} micro-kernels{figures}")
    if a.count:
        with open(a.count, "w") as f:
            f.write(f"{passed} {failed} 0\n")
    print(f"loops    {len(a.objects)} objects  {passed} passed, {failed} failed, 0 skipped")
    return failed > 0 and not a.count


sys.exit(main())
