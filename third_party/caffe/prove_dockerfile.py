#!/usr/bin/env python3
"""Run the lines of our Dockerfile in a bare root file system, where there is no container engine.

A stage is a copy of the bare root; RUN is `sh -c` in a chroot with a mount name space of its own. It knows
the instructions that our Dockerfile uses and stops at any other. It proves the recipe, not an engine: no
layers, no cache, and the network is this machine's. To be run as root, after for example
    debootstrap --variant=minbase trixie BARE
    third_party/caffe/prove_dockerfile.py BARE WORK --then 'python -m pytest tests/measures/test_metrics.py'
"""

import argparse
import fnmatch
import json
import os
import re
import shlex
import shutil
import string
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MOUNTS = 'mount -t proc proc "$0/proc"; mkdir -p "$0/dev/shm"; mount -t tmpfs shm "$0/dev/shm"; exec chroot "$0" "$@"'


def instructions(text: str) -> list[tuple[str, str]]:
    """Name and argument of every instruction, comments dropped and continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [tuple(line.strip().split(None, 1)) for line in joined.splitlines() if line.strip()]


def ignored(patterns: list[str]):
    """Answer shutil.copytree's question what to leave out, from the lines of .dockerignore."""

    def ignore(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(PROJECT)
        deep = [pattern[3:] for pattern in patterns if pattern.startswith("**/")]
        return {
            name
            for name in names
            if any(fnmatch.fnmatchcase(name, p) for p in deep)
            or any(fnmatch.fnmatchcase(str(inside / name), p) for p in patterns)
        }

    return ignore


class Stage:
    """One FROM: a root file system, its variables and its working folder."""

    def __init__(self, bare: Path, root: Path, passed: dict[str, str]):
        self.root, self.folder, self.environment, self.passed = root, "/", {}, passed
        self.environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        subprocess.run(["cp", "-a", "--reflink=auto", bare, root], check=True)
        # an engine gives every container the host's name servers
        (root / "etc/resolv.conf").unlink(missing_ok=True)
        shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")

    def expand(self, text: str) -> str:
        """$NAME from ARG and ENV."""
        return string.Template(text).safe_substitute(self.environment)

    def path(self, inside: str) -> Path:
        """Where a path of the stage lies here."""
        return self.root / str(Path(self.folder) / inside).lstrip("/")

    def run(self, command: str) -> None:
        """RUN, in shell form."""
        script = f"cd {shlex.quote(self.folder)} && {command}"
        inside = ["unshare", "--mount", "sh", "-ec", MOUNTS, str(self.root), "/bin/sh", "-c", script]
        subprocess.run(inside, check=True, env={"HOME": "/root", **self.passed, **self.environment})

    def copy(self, argument: str, stages: dict, patterns: list[str]) -> None:
        """COPY [--from=STAGE] SOURCE... TARGET; a folder's contents go into the target."""
        *sources, target = shlex.split(argument)
        origin = PROJECT
        if sources[0].startswith("--from="):
            origin, patterns = stages[sources.pop(0)[7:]].root, []
        for source in sources:
            for path in sorted(origin.glob(source.lstrip("/"))) if source != "." else [origin]:
                if path.is_dir():
                    ignore = ignored(patterns) if origin == PROJECT else None
                    shutil.copytree(path, self.path(target), symlinks=True, ignore=ignore, dirs_exist_ok=True)
                else:
                    shutil.copy2(path, self.path(target))


def build(lines: list, bare: Path, work: Path, arguments: dict, passed: dict) -> Stage:
    """Carry out all instructions; the last stage is the image."""
    patterns = (PROJECT / ".dockerignore").read_text().split()
    stages: dict[str, Stage] = {}
    stage = None
    for name, argument in lines:
        start = time.monotonic()
        print(f"-- {name} {argument}", flush=True)
        if name == "FROM":
            label = argument.split()[-1] if " AS " in argument else str(len(stages))
            stage = stages[label] = Stage(bare, work / label, passed)
        elif name == "ARG":
            key, _, value = argument.partition("=")
            if stage:
                stage.environment[key] = arguments.get(key, value)
        elif name == "ENV":
            pairs = [pair.partition("=") for pair in shlex.split(argument)]
            stage.environment.update({key: stage.expand(value) for key, _, value in pairs})
        elif name == "WORKDIR":
            stage.folder = argument
            stage.path(".").mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            stage.copy(argument, stages, patterns)
        elif name == "RUN":
            stage.run(argument)
        elif name != "CMD":
            sys.exit(f"Dockerfile: expected an instruction that this script knows, found {name}. Teach it or leave it.")
        print(f"-- {time.monotonic() - start:.0f} s", flush=True)
    return stage


def main() -> None:
    """Parse the command line, build, then run what was asked in the image."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bare", type=Path, help="a bare root file system, left as it is")
    parser.add_argument("work", type=Path, help="folder for the stages; must not exist")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME", help="variable of this machine to pass on"
    )
    parser.add_argument("--then", action="append", default=[], metavar="COMMAND", help="run in the finished image")
    options = parser.parse_args()
    options.work.mkdir(parents=True)
    passed = {name: os.environ[name] for name in options.env if name in os.environ}
    arguments = dict(text.split("=", 1) for text in options.build_arg)
    lines = instructions((PROJECT / "Dockerfile").read_text())
    stage = build(lines, options.bare.resolve(), options.work.resolve(), arguments, passed)
    for command in options.then:
        print(f"-- then {command}", flush=True)
        stage.run(command)
    for folder in sorted(options.work.iterdir()):
        size = subprocess.run(["du", "-sxm", folder], capture_output=True, text=True, check=True).stdout.split()[0]
        print(json.dumps({"stage": folder.name, "megabytes": int(size)}))


if __name__ == "__main__":
    main()
