"""Chooses which build of Caffe runs, and on which kernels, when `caffe` is imported or started.

Installed into the virtual environment. Nothing happens until the module `caffe` is imported or one of
Caffe's programs is started; then the CUDA build is taken where there is one and a GPU, else the CPU build.

CAFFE_BUILD=cpu|cuda       overrules the choice of the build
OPENBLAS_CORETYPE=...      overrules the choice of OpenBLAS's kernels
OMP_NUM_THREADS=N          threads of Caffe and OpenBLAS, as everywhere
"""

import importlib.abc
import importlib.machinery
import os
import sys
from pathlib import Path

BUILDS = Path(sys.prefix) / "lib" / "caffe"


def build() -> Path:
    """The folder of the build that runs here."""
    wanted = os.environ.get("CAFFE_BUILD")
    if wanted:
        if not (BUILDS / wanted).is_dir():
            have = ", ".join(sorted(path.name for path in BUILDS.glob("[!.]*"))) or "none"
            raise ImportError(
                f"CAFFE_BUILD={wanted}: expected one of the installed builds, found {have}. Run make caffe."
            )
        return BUILDS / wanted
    if (BUILDS / "cuda").is_dir() and gpu_present():
        return BUILDS / "cuda"
    return BUILDS / "cpu"


def gpu_present() -> bool:
    """Whether this machine shows an NVIDIA GPU that may be used."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1") and Path("/dev/nvidiactl").exists()


def kernels() -> str | None:
    """The OpenBLAS kernels for what this processor has, whatever its name; None to let OpenBLAS choose.

    An OpenBLAS older than the processor does not know its name and falls back to SSE3 code.
    """
    try:
        with Path("/proc/cpuinfo").open() as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
    except OSError:
        return None
    if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= set(flags):
        return "SkylakeX"
    return "Haswell" if {"avx2", "fma"} <= set(flags) else None


def prepare() -> None:
    """Set what Caffe's libraries read from the environment when they are loaded."""
    chosen = kernels()
    if chosen:
        os.environ.setdefault("OPENBLAS_CORETYPE", chosen)
    # waiting threads sleep: on a busy machine spinning ones make Caffe several times slower
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GLOG_logtostderr", "1")


def describe() -> str:
    """One line: which build, kernels and threads."""
    threads = os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))
    core = os.environ.get("OPENBLAS_CORETYPE") or kernels() or "its own choice"
    return f"BVLC Caffe 1.0 (99bd997), {build().name} build, OpenBLAS kernels {core}, {threads} threads"


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        """Find the top-level module `caffe` in the chosen build; everything else is not ours."""
        if name != "caffe" or path is not None:
            return None
        prepare()
        return importlib.machinery.PathFinder.find_spec(name, [str(build() / "python")])


def install() -> None:
    """Let `import caffe` find the chosen build; called by caffe_select.pth."""
    sys.meta_path.insert(0, _Finder())


def exec_program(name: str) -> None:
    """Become one of Caffe's programs, with this process's arguments."""
    try:
        program = build() / "bin" / name
    except ImportError as error:
        sys.exit(f"{name}: {error}")
    prepare()
    if name == "caffe":
        print(describe(), file=sys.stderr)
    os.execv(program, [name, *sys.argv[1:]])
