"""Debian's Chromium, driven over its pipe for debuggers, which asks for no library."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import time
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")

_PATIENCE = 120.0  # seconds, on a loaded machine


class Browser(AbstractContextManager["Browser"]):
    """One page of a browser without a screen.

    Args:
        profile: a folder for what the browser writes.

    Attributes:
        complaints: what the browser has said of the page: errors, and breaches of its policy.
    """

    def __init__(self, profile: Path) -> None:
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        options = [
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--remote-debugging-pipe", f"--user-data-dir={profile}", "--no-first-run"),
            *("--disable-extensions", "--disable-background-networking", "about:blank"),
        ]
        # The browser reads from the third stream, and writes to the fourth.
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "-", str(CHROMIUM), *options],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._heard = b""
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        self._session: str | None = None
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        attached = self.do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Have a command of the protocol done, and give its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (heard := self._hear()).get("id") != number:
            if heard.get("method") == "Log.entryAdded":
                self.complaints.append(heard["params"]["entry"]["text"])
            elif heard.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(str(heard["params"]["exceptionDetails"]))
        if "error" in heard:
            raise RuntimeError(f"{method}: {heard['error']}")
        result: dict[str, Any] = heard["result"]
        return result

    def evaluate(self, script: str) -> Any:
        """Give what a script gives, when it is there."""
        done = self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def open(self, url: str) -> None:
        """Open a page, and wait until it is there."""
        self.do("Page.navigate", url=url)
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def wait(self, condition: str) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + _PATIENCE
        while not self.evaluate(condition):
            assert time.monotonic() < end, self.evaluate("document.body.innerText")
            self.evaluate("new Promise((resolve) => setTimeout(resolve, 50))")

    def find_barriers(self) -> list[str]:
        """Give what axe-core finds seriously wrong for a person who cannot see well, or at all.

        The debugger runs it, so that the page's policy stays as it is.
        """
        self.evaluate((resources.files("axe_core_python") / "axe.min.js").read_text())
        found = []
        for scheme in ("light", "dark"):
            feature = {"name": "prefers-color-scheme", "value": scheme}
            self.do("Emulation.setEmulatedMedia", features=[feature])
            found += self.evaluate(
                "axe.run().then(({ violations }) => violations"
                ".filter(({ impact }) => ['serious', 'critical'].includes(impact))"
                ".map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`))"
            )
        return found

    def choose(self, field: str, *files: Path) -> None:
        """Choose files in a field for them."""
        root = self.do("DOM.getDocument")["root"]["nodeId"]
        node = self.do("DOM.querySelector", nodeId=root, selector=field)["nodeId"]
        self.do("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in files])

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._heard:
            piece = os.read(self._in, 1 << 20)
            assert piece, "the browser has ended"
            self._heard += piece
        message, _, self._heard = self._heard.partition(b"\0")
        heard: dict[str, Any] = json.loads(message)
        return heard

    def __exit__(self, *_: object) -> None:
        os.close(self._out)
        os.close(self._in)
        self._process.kill()
        self._process.wait()
