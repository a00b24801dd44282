"""The machine that figures were measured on, as it tells of itself."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aiart_edge.bench import device_state
from aiart_edge.doctor import device_model

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
        "cpu": device_model(),
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
        **{name: value for name, value in device_state().items() if value != "unknown"},
        "clock": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"),
        "temperature": f"{int(heat) / 1000:.0f} °C" if heat else "",
    }
    return {name: value for name, value in found.items() if value}


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
