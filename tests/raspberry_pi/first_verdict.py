"""A program for the device: what is between opening the page and its first verdict.

`first_verdict.py RUNTIME PICTURE` is the service, one of its processes and a client in one thread,
since counter.c counts one exactly. Each step is ended by a mark that it hears.
"""

import asyncio
import os
import sys


def mark() -> None:
    try:  # noqa: SIM105  an import would be counted
        os.getpriority(4242, 0)
    except OSError:
        pass  # Linux knows no such priority


mark()
from pathlib import Path  # noqa: E402

from aiart_edge.classifier import Classifier  # noqa: E402
from aiart_edge.service import server  # noqa: E402
from aiart_edge.service.app import Service, make_app  # noqa: E402
from aiart_edge.service.guard import Rules, name_hosts  # noqa: E402
from aiart_edge.service.workers import Answer, Question, examine  # noqa: E402

PAGE = ("/", "/style.css", "/app.js", "/icon.svg", "/v1/camera", "/v1/model")


class Here:
    """Judges in this process."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    async def answer(self, content: bytearray, question: Question) -> Answer:
        return examine(self._classifier, bytes(content), question, lambda _: None)


async def ask(port: int, path: str, body: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    kind = f"Content-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n" if body else ""
    line = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    writer.write(f"{line}{kind}Connection: close\r\n\r\n".encode() + body)
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]
    return answer


async def main(runtime: str, picture: bytes) -> None:
    with Classifier.load(runtime=runtime) as classifier, server.listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        rules = Rules(name_hosts("127.0.0.1", port, [], "http"), "http")
        service = Service(Here(classifier), {}, classifier.identity, rules)  # type: ignore[arg-type]
        answering = server.make_server(make_app(service))
        serving = asyncio.create_task(answering.serve([listening]))
        while not answering.started:
            await asyncio.sleep(0)
        mark()
        for path in PAGE:
            await ask(port, path)
        mark()
        for _ in range(2):
            assert b'"verdict"' in await ask(port, "/v1/explain", picture)
            mark()
        answering.should_exit = True
        await serving


asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_bytes()))
