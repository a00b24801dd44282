"""Emulated Raspberry Pis: root file systems of what their OS is based on, and how to run in them.

A system is unpacked from Debian's packages, none of which needs to be configured, so that nothing
runs while it is built. Each ARM program in it is replaced by launcher.c, which starts it under the
emulator: there is no Docker, nothing is registered in the kernel, and qemu can be told by its
environment to count instructions.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

# An unpacked system has these beside what the document's own apt lines name.
_BASE = ("python3", "dash", "coreutils", "libstdc++6", "ca-certificates", "systemd")
_TOOLS = ("qemu-user", "mmdebstrap", "gcc", "libc6-dev")

# The wheels of one day: instructions are gated, and another release takes others.
_WHEELS = ("pillow==13.0.0", "click==8.5.1")
_LITERT = (
    *("ai-edge-litert==2.3.0", "backports-strenum==1.2.8", "flatbuffers==25.12.19"),
    *("ml-dtypes==0.5.4", "protobuf==7.36.2", "tqdm==4.70.1", "typing-extensions==4.16.0"),
)
_TFLITE = ("tflite-runtime==2.14.0",)


class Unavailable(Exception):
    """What the emulation needs cannot be had here; says what."""


@dataclass(frozen=True)
class Core:
    """A processor core, as qemu and the kernel know it.

    Args:
        name: qemu's.
        device: that has it.
        part: its number, as /proc/cpuinfo has it.
        features: as /proc/cpuinfo has them.
    """

    name: str
    device: str
    part: str
    features: str

    def cpuinfo(self) -> str:
        """Write /proc/cpuinfo: without it XNNPACK is silently left out."""
        architecture = 7 if "thumb" in self.features else 8
        of_each = (
            f"BogoMIPS\t: 108.00\nFeatures\t: {self.features}\nCPU implementer\t: 0x41\n"
            f"CPU architecture: {architecture}\nCPU variant\t: 0x0\nCPU part\t: {self.part}\n"
            "CPU revision\t: 3\n"
        )
        cores = "".join(f"processor\t: {number}\n{of_each}\n" for number in range(4))
        return f"{cores}Model\t\t: {self.device}\n"


_OLD = "fp asimd evtstrm crc32 cpuid"
_NEW = f"{_OLD} aes pmull sha1 sha2 atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"
CORES = {
    core.name: core
    for core in (
        Core("cortex-a7", "Raspberry Pi 2", "0xc07", "half thumb fastmult vfp edsp neon vfpv3 tls "
             "vfpv4 idiva idivt vfpd32 lpae evtstrm"),
        Core("cortex-a53", "Raspberry Pi 3 or Zero 2 W", "0xd03", _OLD),
        Core("cortex-a72", "Raspberry Pi 4", "0xd08", _OLD),
        Core("cortex-a76", "Raspberry Pi 5", "0xd0b", _NEW),
    )
}  # fmt: skip
_CORES_64 = ("cortex-a72", "cortex-a53", "cortex-a76")


@dataclass(frozen=True)
class System:
    """A Raspberry Pi OS.

    Args:
        name: as the document's headings have it.
        suite: of Debian.
        architecture: as Debian calls it.
        python: its version.
        glibc: its version.
        runtimes: that run on it, as `aiart_edge.runtime.RUNTIMES` has them.
        wheels: pinned requirements, of all that pip installs there.
        cores: names of the processor cores it is tried on, the first for most of the tests.
    """

    name: str
    suite: str
    architecture: str
    python: str
    glibc: tuple[int, int]
    runtimes: tuple[str, ...]
    wheels: tuple[str, ...]
    cores: tuple[str, ...] = _CORES_64

    @property
    def machine(self) -> str:
        """As wheels name it."""
        return {"arm64": "aarch64", "armhf": "armv7l"}[self.architecture]

    @property
    def emulator(self) -> str:
        """The name of qemu's program."""
        return {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}[self.architecture]


SYSTEMS = (
    System(
        *("Bookworm 64-bit", "bookworm", "arm64", "3.11", (2, 36), ("litert", "tflite")),
        (*_WHEELS, *_LITERT, *_TFLITE, "numpy==1.26.4"),
    ),
    System(
        *("Bookworm 32-bit", "bookworm", "armhf", "3.11", (2, 36), ("tflite",), _TFLITE),
        ("cortex-a7",),
    ),
    System(
        *("Trixie 64-bit", "trixie", "arm64", "3.13", (2, 41), ("litert",)),
        (*_WHEELS, *_LITERT, "numpy==2.4.6"),
    ),
)


@dataclass(frozen=True)
class Pi:
    """A system that was built.

    Args:
        system: which.
        root: its root file system.
    """

    system: System
    root: Path

    def command(
        self, *words: str, core: str | None = None, environment: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Give what `subprocess` needs to run a program in it, as root, in its home folder.

        Args:
            *words: the program's path, and its arguments.
            core: one of `CORES`. Default: the system's first.
            environment: more of it. Default none.

        Returns:
            Arguments of `subprocess.run` and `Popen`.
        """
        core = core or self.system.cores[0]
        # Always a core: qemu's own default has instructions that it emulates wrongly.
        variables = {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "HOME": "/root", "LANG": "C.UTF-8"}
        variables |= {"QEMU_CPU": core} | dict(environment or {})
        enter = (
            'cd "$0"; mount -t proc proc proc; mount --bind "emulator/$QEMU_CPU" proc/cpuinfo; '
            'mount --bind /dev dev; exec chroot . /bin/sh -c \'cd; exec "$@"\' sh "$@"'
        )
        args = ["unshare", "--mount", "sh", "-ec", enter, str(self.root), *words]
        return {"args": args, "env": variables}

    def run(
        self,
        *words: str,
        stdin: bytes = b"",
        core: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in it; see `command`."""
        done = subprocess.run(
            **self.command(*words, core=core, environment=environment),
            input=stdin,
            capture_output=True,
            check=False,
        )
        streams = (stream.decode(errors="replace") for stream in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(words, done.returncode, *streams)

    def count(self, *words: str, core: str) -> tuple[list[int], str]:
        """Count the instructions of a program, from one mark to the next (see counter.c).

        Args:
            *words: the program's path, and its arguments.
            core: one of `CORES`.

        Returns:
            The counts, the last one up to the program's end, and its standard output.
        """
        with tempfile.NamedTemporaryFile("r", dir=self.root / "tmp") as counts:
            inside = f"/tmp/{Path(counts.name).name}"
            environment = {"QEMU_PLUGIN": f"file=/emulator/counter.so,to={inside}"}
            # Neither the order of a set nor this machine's number of cores shall matter.
            environment |= {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
            done = self.run(*words, core=core, environment=environment)
            assert done.returncode == 0, done.stderr
            return list(map(int, counts.read().split())), done.stdout


def prepare(cache: Path) -> None:
    """Install the tools, where they are not there.

    Args:
        cache: a folder that is kept from one run to the next; made if it is not there.

    Raises:
        Unavailable: this machine cannot do it.
    """
    release = platform.freedesktop_os_release() if sys.platform == "linux" else {}
    if platform.machine() != "x86_64" or release.get("VERSION_CODENAME") != "bookworm":
        raise Unavailable("it needs Debian 12 on x86_64, whose emulator it knows")
    if os.geteuid() != 0:
        raise Unavailable("it needs root, to make root file systems and to enter them")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        raise Unavailable("this container may not mount anything (unshare --mount)")
    if subprocess.run(["dpkg", "-s", *_TOOLS], capture_output=True, check=False).returncode:
        _fetch(["apt-get", "update"])
        # What they recommend registers ARM programs in the kernel, for the whole machine.
        _fetch(["apt-get", "install", "--yes", "--no-install-recommends", *_TOOLS])
    cache.mkdir(parents=True, exist_ok=True)


def build(system: System, packages: Sequence[str], cache: Path) -> Pi:
    """Build a system, or take it from the cache.

    Args:
        system: which.
        packages: of Debian, which its user installs.
        cache: see `prepare`.

    Returns:
        The system, with pip's wheels in /wheels.

    Raises:
        Unavailable: packages cannot be fetched.
    """
    sources = [path.read_text() for path in sorted((*HERE.glob("*.c"), Path(__file__)))]
    key = hashlib.sha256("\0".join([*sources, *packages]).encode()).hexdigest()[:12]
    name = f"{system.suite}-{system.architecture}"
    root = cache / f"{name}-{key}"
    if not root.is_dir():
        for stale in cache.glob(f"{name}-*"):
            shutil.rmtree(stale)
        unfinished = cache / f"{name}-unfinished"
        _unpack(system, packages, unfinished)
        _add_wheels(system, unfinished / "wheels")
        _add_devices(unfinished)
        _add_emulator(system, unfinished)
        unfinished.rename(root)
    return Pi(system, root)


def _fetch(command: Sequence[str]) -> None:
    """Run what fetches packages, and tell a missing network from everything else."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == 0:
        return
    unreachable = "Failed to fetch|apt-get update .*failed|Unable to locate|from versions: none"
    if found := re.search(f".*({unreachable}).*", done.stdout + done.stderr):
        raise Unavailable(f"packages cannot be fetched ({found[0].strip()})")
    raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")


def _unpack(system: System, packages: Sequence[str], root: Path) -> None:
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian"],
        capture_output=True,
        text=True,
        check=False,
    )
    mirror = next(iter(listed.stdout.split()), "http://deb.debian.org/debian")
    names = ",".join((*_BASE, *packages))
    how = [f"--architectures={system.architecture}", "--variant=extract", f"--include={names}"]
    where = [system.suite, str(root), f"deb {mirror} {system.suite} main"]
    _fetch(["mmdebstrap", "--quiet", "--mode=root", *how, *where])


def _add_wheels(system: System, folder: Path) -> None:
    tags = [f"manylinux_2_{minor}_{system.machine}" for minor in range(17, system.glibc[1] + 1)]
    platforms = [f"--platform={tag}" for tag in (*tags, f"manylinux2014_{system.machine}")]
    target = ["--only-binary=:all:", f"--python-version={system.python}", *platforms]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    _fetch([*pip, *target, *system.wheels])


def _add_devices(root: Path) -> None:
    """Add what a kernel, the base system and the packages' own scripts would have made."""
    for folder in ("bin", "sbin", "lib"):
        if not (root / folder).exists():
            (root / folder).symlink_to(f"usr/{folder}")
    if not (root / "bin/sh").exists():
        (root / "bin/sh").symlink_to("dash")
    for folder in ("proc", "root", "run/systemd", "tmp", "etc", "sys/devices/system/cpu"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ("possible", "present", "online"):
        (root / "sys/devices/system/cpu" / name).write_text("0-3\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    certificates = sorted((root / "usr/share/ca-certificates/mozilla").iterdir())
    (root / "etc/ssl/certs/ca-certificates.crt").write_text(
        "".join(certificate.read_text() for certificate in certificates)
    )
    for library in (root / "usr/lib").glob("*/*/lib[bl]*[sk].so.3"):  # BLAS and LAPACK of numpy
        (library.parents[1] / library.name).symlink_to(library.relative_to(library.parents[1]))


def _add_emulator(system: System, root: Path) -> None:
    folder = root / "emulator"
    folder.mkdir()
    emulator = shutil.which(system.emulator)
    assert emulator
    shutil.copy(emulator, folder / "qemu")
    listed = subprocess.run(["ldd", emulator], capture_output=True, text=True, check=True).stdout
    for library in map(Path, re.findall(r"/\S+", listed)):
        shutil.copy(library, folder / ("ld.so" if "ld-linux" in library.name else library.name))
    gcc = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror"]
    launcher, counter = folder / "launcher", folder / "counter.so"
    subprocess.run([*gcc, "-static", "-o", launcher, HERE / "launcher.c"], check=True)
    subprocess.run([*gcc, "-fPIC", "-shared", "-o", counter, HERE / "counter.c"], check=True)
    for core in system.cores:
        (folder / core).write_text(CORES[core].cpuinfo())
    for place in ("usr/bin", "usr/sbin", "bin", "sbin"):
        if (root / place).is_symlink():
            continue
        for program in (root / place).iterdir():
            if program.is_symlink() or not program.is_file():
                continue
            with program.open("rb") as file:
                is_program = file.read(4) == b"\x7fELF"
            if is_program:
                program.rename(f"{program}.arm")
                program.hardlink_to(launcher)
