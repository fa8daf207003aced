#!/usr/bin/env python3
"""test_install.py VITRINE [COUNT_FILE]: make install as somebody who embeds the library meets it.

Installs into a temporary prefix, builds classify.c and a C++ program through pkg-config against the shared
and the static library, runs them, and looks at what the libraries need and show. Ends with "N passed, N
failed, N skipped". Not here: what the functions compute (tests/models/c_api/vitrine_test.cpp).
"""
import json
import os
import re
import struct
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cases import run_cases, tests_of

VITRINE = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# The C and C++ run-times, zlib and libjpeg.
RUN_TIME = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libz.so.1", "libjpeg.so.62",
            "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def run(*args, status=0, **kwargs):
    done = subprocess.run(list(map(str, args)), capture_output=True, text=True, timeout=300, **kwargs)
    assert done.returncode == status, f"{args}: status {done.returncode}, wanted {status}\n{done.stdout}{done.stderr}"
    return done.stdout


# As in a shell of its own, although make test runs this.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}


def make(*args, **more):
    return run("make", "-s", "-C", ROOT, *args, env={**ENVIRONMENT, **more})


def files_in(folder):
    return sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, names in os.walk(folder) for f in names)


def pkg_config(*args):
    return run("pkg-config", *args, "vitrine", env={**os.environ, "PKG_CONFIG_PATH": PREFIX + "/lib/pkgconfig"}).split()


def write_picture(path, size=40):
    """A PNG with a bright frame on black: clothes, perhaps."""
    rows = b"".join(b"\0" + bytes(200 if 8 < x < 32 and 4 < y < 36 and not (14 < x < 26 and y > 20) else 0
                                  for x in range(size)) for y in range(size))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def check_answer(text):
    lines = [re.fullmatch(r" *([0-9.]+) %  (\d+)  (.*)", line).groups() for line in text.splitlines()]
    wanted = json.loads(run(VITRINE, "classify", "picture.png", "--top", 5, "--json"))[0]["top"]
    assert len(lines) == len(wanted) == 5
    for (percent, index, label), want in zip(lines, wanted):
        assert (int(index), label) == (want["index"], want["label"]), (lines, wanted)
        assert abs(float(percent) - 100 * want["probability"]) <= 0.0051, (lines, wanted)


# --- tests, in order -----------------------------------------------------------------------------

def test_installed_files():
    said = make("install", f"PREFIX={PREFIX}")
    assert f"-Wl,-rpath,{PREFIX}/lib" in said, said
    wanted = ["bin/vitrine", "include/vitrine.h", "lib/libvitrine.a", "lib/libvitrine.so", "lib/pkgconfig/vitrine.pc",
              "share/doc/vitrine/LICENSE", "share/vitrine/fashion_vit.safetensors"]
    found = [f for f in files_in(PREFIX) if not f.startswith("share/vitrine/recipes/")]
    assert [f for f in found if not re.search(r"\.so\.", f)] == wanted, found
    recipes = sorted(os.listdir(os.path.join(os.path.dirname(VITRINE), "../apps/recipes")))
    assert sorted(os.listdir(PREFIX + "/share/vitrine/recipes")) == recipes != []
    version = run(VITRINE, "--version").split()[1]
    assert pkg_config("--modversion") == [version]
    link = os.path.realpath(PREFIX + "/lib/libvitrine.so")
    assert link == os.path.realpath(f"{PREFIX}/lib/libvitrine.so.{version}"), link
    # The installed program finds the installed model.
    run(PREFIX + "/bin/vitrine", "classify", "picture.png", cwd=os.getcwd())


def test_header_alone():
    with open("alone.c", "w") as f:
        f.write('#include <vitrine.h>\n')
    for language, standard in (("c", "c11"), ("c++", "c++11"), ("c++", "c++20")):
        run("cc" if language == "c" else "c++", *pkg_config("--cflags"), f"-std={standard}", *WARNINGS, "-x", language,
            "-fsyntax-only", "alone.c")


def test_shared_library():
    flags = pkg_config("--cflags", "--libs")
    run("cc", "-std=c11", *WARNINGS, f"{HERE}/classify.c", *flags, f"-Wl,-rpath,{PREFIX}/lib", "-o", "shared")
    assert "libvitrine.so" in run("readelf", "-d", "shared")
    check_answer(run("./shared", "picture.png"))


def test_static_library():
    flags = [f if f != "-lvitrine" else "-l:libvitrine.a" for f in pkg_config("--cflags", "--libs", "--static")]
    run("cc", "-std=c11", *WARNINGS, f"{HERE}/classify.c", *flags, "-o", "static")
    assert "libvitrine.so" not in run("readelf", "-d", "static")
    check_answer(run("./static", "picture.png", f"{PREFIX}/share/vitrine/fashion_vit.safetensors"))


def build_host():
    """tests/faults/host.c, and the environment in which its calls of malloc are counted and fail."""
    faults = os.path.join(ROOT, "tests", "faults")
    run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", f"{faults}/fail.c", "-o", "fail.so")
    run("cc", "-std=gnu11", *WARNINGS, f"{faults}/host.c", *pkg_config("--cflags", "--libs"), f"-Wl,-rpath,{PREFIX}/lib",
        "./fail.so", "-o", "host")
    return {**os.environ, "LD_PRELOAD": os.path.abspath("fail.so")}


def test_memory_that_ends_ends_no_host():
    said = run("./host", "memory", f"{PREFIX}/share/vitrine/fashion_vit.safetensors", 31, env=build_host())
    assert len(re.findall(r" [1-9]\d+ times refused", said)) == 4, said


def test_calls_that_were_made_before_call_malloc_no_more():
    shipped = f"{PREFIX}/share/vitrine/fashion_vit.safetensors"
    environment = build_host()
    models = [shipped]
    for precision in ("int8", "bf16"):
        models.append(f"{precision}.safetensors")
        run(VITRINE, "quantize", shipped, models[-1], "--precision", precision, "-q")
    for model in models:
        said = run("./host", "steady", model, env=environment)
        assert said.count(": 0 calls of malloc") == 6, (model, said)


def test_signal_stacks_of_a_host():
    """A model in f32 leaves a host its small signal stacks. With AMX one in int8 forbids them, where the host has none so far; where
    it has, it has the same answers without."""
    with open("stacks.c", "w") as f:
        f.write(r"""
            #include <signal.h>
            #include <stdio.h>
            #include <vitrine.h>
            static unsigned char pixels[784], memory[8192];
            static int small_stack(void) {
              const stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
              return sigaltstack(&stack, NULL);
            }
            static int answer(const char* file) {
              const vitrine_picture picture = {.size = sizeof picture, .pixels = pixels, .height = 28, .width = 28, .channels = 1};
              vitrine_model* model = NULL;
              float out[10];
              if (vitrine_open(file, &model) || vitrine_logits(model, &picture, 1, out, 10)) return 1;
              for (int i = 0; i < 10; ++i) printf("%a ", (double)out[i]);
              puts("");
              return vitrine_close(model) != VITRINE_OK;
            }
            int main(int argc, char** argv) {
              for (int i = 0; i < 784; ++i) pixels[i] = (unsigned char)(i * 7);
              const int possible = small_stack() == 0;  // some systems allow none
              const stack_t none = {.ss_flags = SS_DISABLE};
              sigaltstack(&none, NULL);
              if (answer(argv[1])) return 1;
              if (possible && small_stack() != 0) return 2;
              if (argc > 3) sigaltstack(&none, NULL);
              return answer(argv[2]);
            }""")
    run("cc", "-std=gnu11", "-w", "stacks.c", *pkg_config("--cflags", "--libs"), f"-Wl,-rpath,{PREFIX}/lib", "-o", "stacks")
    shipped = f"{PREFIX}/share/vitrine/fashion_vit.safetensors"
    run(VITRINE, "quantize", shipped, "int8.safetensors", "-q")
    assert run("./stacks", shipped, "int8.safetensors") == run("./stacks", shipped, "int8.safetensors", "without")


def test_a_host_that_unloads_the_library():
    """While its threads run, and others wait: 30 times, from memory that does not grow."""
    with open("plugin.c", "w") as f:
        f.write(r"""
            #include <dlfcn.h>
            #include <pthread.h>
            #include <stdio.h>
            #include <vitrine.h>
            static unsigned char pixels[784];
            static void* use(void* path) {
              void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
              if (library == NULL) return path;
              vitrine_status (*open_)(const char*, vitrine_model**) = dlsym(library, "vitrine_open");
              vitrine_status (*close_)(vitrine_model*) = dlsym(library, "vitrine_close");
              vitrine_status (*threads)(int) = dlsym(library, "vitrine_set_threads");
              vitrine_status (*logits)(const vitrine_model*, const vitrine_picture*, size_t, float*, size_t) =
                  dlsym(library, "vitrine_logits");
              vitrine_picture pictures[16];
              float out[160];
              for (int i = 0; i < 16; ++i) {
                pictures[i] = (vitrine_picture){.size = sizeof pictures[i], .pixels = pixels, .height = 28, .width = 28, .channels = 1};
              }
              vitrine_model* model = NULL;
              const int bad = threads(4) || open_(MODEL, &model) || logits(model, pictures, 16, out, 160) || close_(model);
              dlclose(library);
              return bad ? path : NULL;
            }
            static long resident(void) {
              long all = 0, now = 0;
              FILE* f = fopen("/proc/self/statm", "r");
              if (f == NULL || fscanf(f, "%ld %ld", &all, &now) != 2) return -1;
              fclose(f);
              return now * 4;
            }
            int main(int argc, char** argv) {
              long early = 0;
              for (int i = 0; i < 30 && argc > 1; ++i) {
                pthread_t other;
                void* failed = NULL;
                pthread_create(&other, NULL, use, argv[1]);
                if (use(argv[1]) != NULL) return 1;
                pthread_join(other, &failed);
                if (failed != NULL) return 2;
                if (i == 9) early = resident();
              }
              return resident() > early + 8192 ? 3 : 0;
            }""")
    run("cc", "-std=gnu11", "-w", *pkg_config("--cflags"), f'-DMODEL="{PREFIX}/share/vitrine/fashion_vit.safetensors"',
        "plugin.c", "-ldl", "-lpthread", "-o", "plugin")
    run("./plugin", f"{PREFIX}/lib/libvitrine.so")


def test_static_library_keeps_to_itself():
    """A C++ program that has functions with the names of what is inside."""
    with open("neighbour.cpp", "w") as f:
        f.write("""
            #include <vitrine.h>
            #include <regex>
            extern "C" int stbi_load_from_memory() { return 1; }
            namespace vitrine { int threads() { return -5; } }
            int main() {
              vitrine_model* model = nullptr;
              const bool word = std::regex_search("some words", std::regex("[[:alpha:]]+"));
              vitrine_picture picture{};
              picture.size = sizeof picture;
              picture.file = "picture.png";
              float logits[10];
              return !word || vitrine_open(MODEL, &model) ||
                     vitrine_logits(model, &picture, 1, logits, 10) || vitrine_close(model) ||
                     vitrine::threads() != -5 || vitrine_threads() < 1;
            }""")
    flags = [f if f != "-lvitrine" else "-l:libvitrine.a" for f in pkg_config("--cflags", "--libs", "--static")]
    run("c++", "-std=c++17", f'-DMODEL="{PREFIX}/share/vitrine/fashion_vit.safetensors"', "neighbour.cpp", *flags,
        "-o", "neighbour")
    run("./neighbour")


def test_what_the_library_needs():
    dynamic = run("readelf", "-dW", PREFIX + "/lib/libvitrine.so")
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    assert needed <= RUN_TIME, needed - RUN_TIME
    assert re.search(r"SONAME.*\[libvitrine\.so\.\d+\]", dynamic), dynamic


def test_a_library_for_raw_pixels_alone():
    """No decoder, no libjpeg; the answers to pixels are the same bits, files are refused in a line."""
    prefix = os.path.realpath("raw")
    make("install", f"PREFIX={prefix}", "DECODERS=0")
    needed = run("readelf", "-dW", prefix + "/lib/libvitrine.so")
    assert "libjpeg" not in needed and "-ljpeg" not in open(prefix + "/lib/pkgconfig/vitrine.pc").read(), needed
    with open("pixels.c", "w") as f:
        f.write(r"""
            #include <stdio.h>
            #include <vitrine.h>
            int main(int argc, char** argv) {
              static uint8_t pixels[28 * 28];
              for (int i = 0; i < 28 * 28; ++i) pixels[i] = (uint8_t)(i * 7 % 251);
              const vitrine_picture raw = {.size = sizeof raw, .pixels = pixels, .height = 28, .width = 28, .channels = 1};
              const vitrine_picture file = {.size = sizeof file, .file = argv[2]};
              vitrine_model* model = NULL;
              float logits[10];
              if (argc < 3 || vitrine_open(argv[1], &model) || vitrine_logits(model, &raw, 1, logits, 10)) return 1;
              for (int i = 0; i < 10; ++i) printf("%a\n", (double)logits[i]);
              if (vitrine_logits(model, &file, 1, logits, 10)) fprintf(stderr, "%s\n", vitrine_last_error());
              vitrine_close(model);
              return 0;
            }""")
    answers, refusals = [], []
    for at in (PREFIX, prefix):
        run("cc", "-std=c11", "pixels.c", f"-I{at}/include", f"-L{at}/lib", "-lvitrine", f"-Wl,-rpath,{at}/lib", "-o", "pixels")
        done = subprocess.run(["./pixels", PREFIX + "/share/vitrine/fashion_vit.safetensors", "picture.png"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done
        answers.append(done.stdout)
        refusals.append(done.stderr)
    assert answers[0] == answers[1] and len(answers[0].split()) == 10, answers
    assert refusals[0] == "", refusals
    assert "built without decoders of pictures: give it raw pixels" in refusals[1] and refusals[1].count("\n") == 1, refusals
    sizes = [os.path.getsize(os.path.realpath(f"{at}/lib/libvitrine.so")) for at in (PREFIX, prefix)]
    assert sizes[1] < sizes[0], sizes


def test_what_the_libraries_show():
    with open(f"{PREFIX}/include/vitrine.h") as f:
        declared = sorted(set(re.findall(r"VITRINE_API[^;(]*?\b(vitrine_\w+)\(", f.read())))
    assert len(declared) > 10
    shared = run("nm", "-D", "--defined-only", PREFIX + "/lib/libvitrine.so")
    assert sorted(line.split()[2] for line in shared.splitlines()) == declared, shared
    static = run("nm", "--extern-only", "--defined-only", PREFIX + "/lib/libvitrine.a")
    assert sorted(line.split()[2] for line in static.splitlines() if len(line.split()) == 3) == declared, static
    weak = [line for line in run("nm", "-u", PREFIX + "/lib/libvitrine.a").splitlines() if " w _Z" in line]
    assert not weak, weak  # the linker would leave them at null


def test_uninstall():
    make("uninstall", f"PREFIX={PREFIX}")
    assert files_in(PREFIX) == []
    stage = os.path.abspath("stage")
    make("install", "PREFIX=/usr", f"DESTDIR={stage}")
    assert "usr/lib/pkgconfig/vitrine.pc" in files_in(stage)
    with open(f"{stage}/usr/lib/pkgconfig/vitrine.pc") as f:
        assert "prefix=/usr\n" in f.read()
    make("uninstall", "PREFIX=/usr", f"DESTDIR={stage}")
    assert files_in(stage) == []


def test_loader_is_told():
    """Its cache is for the system's own folders; a package's files are not where they will be."""
    def refreshes(*args):
        return any("ldconfig 2>" in line for line in make("-n", *args).splitlines())
    for prefix in ("/usr", "/usr/local"):
        assert refreshes("install", f"PREFIX={prefix}") and refreshes("uninstall", f"PREFIX={prefix}")
        assert not refreshes("install", f"PREFIX={prefix}", "DESTDIR=stage")
    assert not refreshes("install", f"PREFIX={PREFIX}")


def hidden(*commands):
    """PATH in front of which these commands fail, as where they are not installed."""
    os.makedirs("hidden", exist_ok=True)
    for command in commands:
        with open(f"hidden/{command}", "w") as f:
            f.write("#!/bin/sh\nexit 127\n")
        os.chmod(f"hidden/{command}", 0o755)
    return os.path.abspath("hidden") + ":" + os.environ["PATH"]


def test_systems_without_dpkg():
    """Where headers and commands are, nothing is missing; else they are named."""
    packages = [ROOT + "/third_party/packages.sh"]
    bare = {**os.environ, "PATH": hidden("dpkg-query")}
    run("sh", *packages, "check", "build", env=bare)
    for action in ("check", "install"):
        done = subprocess.run(["sh", *packages, action, "build"], env={**bare, "CXX": "no-such-compiler"},
                              capture_output=True, text=True)
        assert done.returncode == 1 and "libjpeg62-turbo-dev (<jpeglib.h>): decoding JPEG" in done.stderr, done
        assert "apt-get" not in done.stdout + done.stderr and "  make (make)" not in done.stderr, done


def test_no_compiler_yet():
    """The first thing that make says is not that there is none."""
    # A mode of its own: what is built here remembers its compiler.
    done = subprocess.run(["make", "-n", "-C", ROOT, "CXX=no-such-compiler", "MODE=nothing", "help"], env=ENVIRONMENT,
                          capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done


def prepare():
    global PREFIX
    PREFIX = os.path.realpath("prefix")
    write_picture("picture.png")


if __name__ == "__main__":
    sys.exit(run_cases("install", tests_of(globals()), prepare))
