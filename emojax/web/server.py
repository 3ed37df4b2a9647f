"""The page over HTTP."""

from __future__ import annotations

import importlib.resources
import json
import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from emojax.errors import ConfigError, DataError, Skip
from emojax.web.service import Service

_HERE = ["127.0.0.1", "localhost"]
# The page takes nothing from elsewhere and sends nothing elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    + (
        "media-src blob: mediastream:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
)


class _Refused(Exception):
    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


def make_app(service: Service, *, limit: int, only_here: bool = True) -> Starlette:
    """The application.

    Args:
        service: answers.
        limit: of an upload in bytes.
        only_here: whether requests that name another host are refused: a page of somebody else that has its name point
            to this computer.
    """
    page = importlib.resources.files("emojax.web").joinpath("page.html").read_text("utf-8")

    async def show(request: Request) -> Response:
        return HTMLResponse(
            page, headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        )

    async def about(request: Request) -> Response:
        return JSONResponse(service.about())

    routes = [
        Route("/", show),
        Route("/about", about),
        Route("/picture", _answering(service.picture, "image/", limit), methods=["POST"]),
        Route("/video", _answering(service.video, "video/", limit), methods=["POST"]),
    ]
    hosts = [Middleware(TrustedHostMiddleware, allowed_hosts=_HERE)] if only_here else []
    return Starlette(routes=routes, middleware=hosts)


def _answering(answer: Callable[[bytes], dict], kind: str, limit: int):
    async def endpoint(request: Request) -> Response:
        try:
            data = await _body(request, kind, limit)
            return JSONResponse(await run_in_threadpool(answer, data))
        except _Refused as error:
            return JSONResponse({"error": str(error)}, error.status)
        except Skip as skip:
            return JSONResponse({"error": skip.detail}, 422)
        except DataError as error:
            return JSONResponse({"error": str(error)}, 422)

    return endpoint


async def _body(request: Request, kind: str, limit: int) -> bytes:
    """The upload, in memory; never more than the limit is taken."""
    if not request.headers.get("content-type", "").startswith(kind):
        raise _Refused(415, f"an upload here is of the type {kind}*")
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > limit:
            raise _Refused(413, f"the file is larger than {limit >> 20} MB: start the page with --limit")
    if not data:
        raise _Refused(422, "the file is empty")
    return bytes(data)


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigError: the address is in use or is none of this computer.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise ConfigError(
            f"Cannot listen on {host}, port {port}: {error.strerror or error}. Try another --port."
        ) from None
    opened.listen()
    return opened


def run(service: Service, listening: socket.socket, *, limit: int, only_here: bool) -> None:
    """Serves until Ctrl-C."""
    host, port = listening.getsockname()[:2]
    app = make_app(service, limit=limit, only_here=only_here)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    print(
        f"{json.dumps(service.about()['name'])} is at http://{host}:{port}/ ; Ctrl-C closes the page.",
        flush=True,
    )
    server.run(sockets=[listening])
