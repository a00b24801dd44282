"""What there is to ask of the service, and what is answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from aiart_edge import __version__
from aiart_edge.errors import AiartError, PictureError
from aiart_edge.files import RECORD_SCHEMA
from aiart_edge.output import Record
from aiart_edge.service.bodies import MOST_PICTURE, Part, Refused, Waiting, read_parts
from aiart_edge.service.camera import Camera
from aiart_edge.service.guard import App, Rules, guard
from aiart_edge.service.metrics import Metrics
from aiart_edge.service.openapi import describe_api
from aiart_edge.service.workers import Answer, Crew, Question

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_PAGE = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/login": ("login.html", "text/html"),
}
_LARGEST_LOGIN = 4096  # bytes


class Reply(NamedTuple):
    """An answer of HTTP.

    Args:
        content: its body.
        kind: its media type. Default JSON.
        status: Default 200.
        headers: more of them. Default none.
    """

    content: bytes
    kind: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] | None = None


@dataclass
class Service:
    """What answers questions.

    Args:
        crew: judges the pictures.
        model: what the network says of itself.
        identity: of the network, `Classifier.identity`.
        rules: who may ask.
        camera: what it shows is judged, too. Default: there is none.
    """

    crew: Crew
    model: Mapping[str, Any]
    identity: Mapping[str, str]
    rules: Rules
    camera: Camera | None = None
    metrics: Metrics = field(default_factory=Metrics)
    waiting: Waiting = field(default_factory=Waiting)

    async def classify(self, request: Request) -> Reply:
        """Say of each picture what `classify --json` says."""
        return await self._judge(request, explain=False)

    async def explain(self, request: Request) -> Reply:
        """Say where the evidence lies, too."""
        return await self._judge(request, explain=True)

    async def describe_model(self, _: Request) -> Reply:
        """Say what the network says of itself."""
        return _json(self.model)

    async def describe_api(self, _: Request) -> Reply:
        """Describe all this for machines."""
        return _json(describe_api(json.loads(RECORD_SCHEMA.read_bytes()), __version__))

    async def health(self, _: Request) -> Reply:
        """Say that it runs."""
        return _json({"status": "ok"})

    async def count(self, _: Request) -> Reply:
        """Say what was counted."""
        return Reply(self.metrics.text(), "text/plain; version=0.0.4; charset=utf-8")

    async def tell_of_camera(self, _: Request) -> Reply:
        """Say whether there is a camera."""
        return _json({"available": self.camera is not None})

    async def look(self, _: Request) -> Reply:
        """Give what the camera shows now."""
        if self.camera is None:
            raise Refused(404, "there is no camera: start the service with --camera")
        return Reply(await self.camera.look(), "image/jpeg")

    async def show(self, request: Request) -> Reply:
        """Give a file of the page."""
        name, kind = _PAGE[request.url.path]
        content = (resources.files(__package__) / "page" / name).read_bytes()
        return Reply(content, f"{kind}; charset=utf-8")

    async def log_in(self, request: Request) -> Reply:
        """Let a browser in that knows the token."""
        form = bytearray()
        async for piece in request.stream():
            form += piece
            if len(form) > _LARGEST_LOGIN:
                raise Refused(413, "that is no token", {"connection": "close"})
        (token,) = parse_qs(form.decode("latin-1")).get("token", [""])[:1]
        if not self.rules.is_token(token.strip()):
            return Reply(b"", status=303, headers={"location": "/login#wrong"})
        return Reply(b"", status=303, headers={"location": "/", "set-cookie": self.rules.cookie()})

    async def _judge(self, request: Request, *, explain: bool) -> Reply:
        with self.waiting.room() as take:
            parts = await read_parts(request.headers, request.stream(), take)
            answers = await asyncio.gather(*(self._answer(part, explain) for part in parts))
        if len(answers) == 1:
            return Reply(answers[0].document, status=answers[0].status)
        return Reply(b"[" + b",\n".join(answer.document for answer in answers) + b"]")

    async def _answer(self, part: Part, explain: bool) -> Answer:
        began = time.monotonic()
        if part.is_too_big:
            error = PictureError("", f"a picture may have {MOST_PICTURE >> 20} MB")
            answer = Answer.of(413, Record("", self.identity, error), part.name)
        else:
            answer = await self.crew.answer(part.content, Question(part.name, explain))
        self.metrics.count(answer, time.monotonic() - began)
        return answer


def make_app(service: Service) -> App:
    """Make the application.

    Args:
        service: answers.

    Returns:
        An ASGI application, guarded.
    """
    from starlette.applications import Starlette  # noqa: PLC0415  an extra
    from starlette.exceptions import HTTPException  # noqa: PLC0415
    from starlette.requests import ClientDisconnect  # noqa: PLC0415
    from starlette.responses import Response  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    def respond(reply: Reply) -> Response:
        return Response(reply.content, reply.status, reply.headers, reply.kind)

    def endpoint(
        answer: Callable[[Request], Awaitable[Reply]],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answering(request: Request) -> Response:
            return respond(await answer(request))

        return answering

    async def fail(_: Request, error: Exception) -> Response:
        return respond(_tell(error))

    def refuse(refused: Refused) -> App:
        return respond(_tell(refused))

    posts = {"/v1/classify": service.classify, "/v1/explain": service.explain}
    gets = {
        "/v1/model": service.describe_model,
        "/v1/camera": service.tell_of_camera,
        "/v1/camera/frame": service.look,
        "/openapi.json": service.describe_api,
        "/healthz": service.health,
        "/metrics": service.count,
        **dict.fromkeys(_PAGE, service.show),
    }
    app = Starlette(
        routes=[
            *(Route(path, endpoint(answer), methods=["POST"]) for path, answer in posts.items()),
            *(Route(path, endpoint(answer)) for path, answer in gets.items()),
            Route("/login", endpoint(service.log_in), methods=["POST"]),
        ],
        exception_handlers=dict.fromkeys(
            (Refused, HTTPException, AiartError, ClientDisconnect), fail
        ),
    )
    return guard(app, service.rules, refuse)


def _tell(error: Exception) -> Reply:
    """Answer what went wrong."""
    if isinstance(error, Refused):
        return _json({"error": error.problem}, error.status, error.headers)
    if isinstance(error, AiartError):
        return _json({"error": error.format_message()}, 500)
    status = getattr(error, "status_code", 400)  # 400 is heard by nobody: the client is gone
    headers = getattr(error, "headers", None)
    return _json({"error": getattr(error, "detail", "the client is gone")}, status, headers)


def _json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(json.dumps(document).encode(), status=status, headers=headers)
