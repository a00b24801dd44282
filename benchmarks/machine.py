"""The machine that figures were measured on, as it tells of itself."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "aiart",
    "numpy",
    "pillow",
    "tflite-runtime",
    "ai-edge-litert",
    "tensorflow",
    "keras",
    "mediapipe",
)
# Raspberry Pi OS says there whether the power supply or the heat held the processor back, as
# `vcgencmd get_throttled` does.
_THROTTLED = "/sys/devices/platform/soc/soc:firmware/get_throttled"


def describe_machine() -> dict[str, Any]:
    """Say what does not change while a benchmark runs.

    Returns:
        Device, operating system, processor, cores, memory in MiB, Python and packages.
    """
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "device": _read("/proc/device-tree/model")
        or _read("/sys/class/dmi/id/product_name")
        or "PC",
        "os": platform.freedesktop_os_release()["PRETTY_NAME"],
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu": next(_cpu_names(), "unknown"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": pages >> 20,
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def machine_state() -> dict[str, str]:
    """Say what does change: how busy, hot and slowed down the machine is.

    Returns:
        Load average, governor, temperature and throttling; what the machine does not tell is left
        out.
    """
    heat = _read("/sys/class/thermal/thermal_zone0/temp")
    found = {
        "load average": f"{os.getloadavg()[0]:.1f}",
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "clock": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"),
        "temperature": f"{int(heat) / 1000:.0f} °C" if heat else "",
        "throttled": _read(_THROTTLED),
    }
    return {name: value for name, value in found.items() if value}


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _cpu_names() -> Iterator[str]:
    for line in _read("/proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() == "model name":
            yield value.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
