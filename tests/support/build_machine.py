"""A machine made for one test of the Caffe build: its programs, its cache and its project are the test's own."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from tests.support.checkout import ROOT

SCRIPTS = ROOT / "third_party" / "caffe"
# what the scripts may find; c++ and its companions too, so that a test can take one away
PROGRAMS = (
    "awk basename bash c++ cat chmod cmake cp cut date df dirname dpkg-query env find flock grep gzip head id ldd ls "
    "mkdir mktemp mv ninja nproc patch protoc readlink rm sed sh sha256sum sleep sort tail tar touch tr uname xargs"
)


class BuildMachine:
    """Scripts of third_party/caffe in a folder of their own, with only the programs it is given on PATH."""

    def __init__(self, folder: Path):
        self.scripts = folder / "project" / "third_party" / "caffe"
        self.cache, self.bin, self.venv = folder / "cache", folder / "bin", folder / "venv"
        shutil.copytree(SCRIPTS, self.scripts, ignore=shutil.ignore_patterns("patches*", "__pycache__"))
        (self.venv / "bin").mkdir(parents=True)
        self.bin.mkdir()
        for name in PROGRAMS.split():
            (self.bin / name).symlink_to(shutil.which(name) or "/bin/false")

    def without(self, *names: str) -> None:
        """Take programs away."""
        for name in names:
            (self.bin / name).unlink(missing_ok=True)

    def fake(self, name: str, script: str, folder: Path | None = None) -> Path:
        """Put a shell script in a program's place."""
        program = (folder or self.bin) / name
        program.unlink(missing_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    def real_python(self) -> None:
        """Give the project a Python that states the facts of the one that runs this test."""
        get = sysconfig.get_config_var
        library = Path(get("LIBDIR")) / get("LDLIBRARY")
        facts = [library, sysconfig.get_path("include"), f"{get('VERSION')} numpy 2 {get('SOABI')}"]
        self.fake("python", "\n".join(f"echo '{fact}'" for fact in facts), self.venv / "bin")

    def expect_source(self, sha256: str) -> None:
        """Change the checksum that is expected of Caffe's source."""
        env = self.scripts / "source.env"
        lines = [line for line in env.read_text().splitlines() if not line.startswith("CAFFE_SHA256=")]
        env.write_text("\n".join([*lines, f"CAFFE_SHA256={sha256}"]) + "\n")

    def start(self, script: str, *words: str, **environment: str) -> subprocess.Popen:
        """Start one of the scripts as make would; nothing of this test's own environment reaches it but HOME."""
        fixed = {"PATH": str(self.bin), "DEEPPAP_CACHE": str(self.cache), "VENV": str(self.venv)}
        home = {"HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8"}
        command, pipe = [str(self.scripts / script), *words], subprocess.PIPE
        return subprocess.Popen(command, env={**home, **fixed, **environment}, stdout=pipe, stderr=pipe, text=True)

    def run(self, script: str, *words: str, **environment: str) -> subprocess.CompletedProcess:
        """Run one of the scripts to its end."""
        one = self.start(script, *words, **environment)
        out, error = one.communicate()
        return subprocess.CompletedProcess(one.args, one.returncode, out, error)

    def refusal(self, script: str, *words: str, **environment: str) -> str:
        """What a script says last when it fails: one line, with nothing on standard output."""
        done = self.run(script, *words, **environment)
        assert done.returncode == 1, done.stdout + done.stderr
        assert done.stdout == "", "a failed script prints no path"
        lines = done.stderr.splitlines()
        assert all(line.startswith("caffe: ") for line in lines), f"words that are not ours:\n{done.stderr}"
        return lines[-1]

    def kept(self) -> list[str]:
        """Names in the cache."""
        return sorted(path.name for path in self.cache.glob("*")) if self.cache.is_dir() else []
