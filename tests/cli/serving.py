"""A server on this machine that counts what it gives away; well-behaved or not."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Literal

Manner = Literal["parts", "no HEAD", "whole", "says whole", "says no size", "breaks off"]


@dataclass
class Served:
    """Where the server is, and what it has answered: method, status and bytes of each request, in order.

    `token` is the only `Authorization` it lets in, if there is one.
    """

    url: str
    token: str | None = None
    answers: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Bytes of parts of files."""
        return sum(size for _, status, size in self.answers if status == HTTPStatus.PARTIAL_CONTENT)


@contextmanager
def serving(
    files: Mapping[str, bytes], manner: Manner = "parts", certificate: Path | None = None
) -> Iterator[Served]:
    """Serves `files` at `url`/NAME as long as the block runs; by HTTPS with a `certificate` and its key, in one file.

    It serves parts; without HEAD; only whole files, and then says so or not; none with a size; or half of each part.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def _answer(self) -> None:
            data = files.get(self.path.partition("?")[0].removeprefix("/"))
            if served.token is not None and self.headers["Authorization"] != served.token:
                self._send(HTTPStatus.UNAUTHORIZED, b"who are you?")
            elif data is None:
                self._send(HTTPStatus.NOT_FOUND, b"not here")
            elif self.command == "HEAD" and manner == "no HEAD":
                self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"")
            elif manner == "says no size":
                self._send(HTTPStatus.OK, data, sized=False)
            elif manner in ("whole", "says whole") or self.headers["Range"] is None:
                self._send(HTTPStatus.OK, data)
            else:
                found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
                assert found is not None
                begin, end = int(found[1]), min(int(found[2]) + 1, len(data))
                self._send(HTTPStatus.PARTIAL_CONTENT, data[begin:end], f"bytes {begin}-{end - 1}/{len(data)}")

        def _send(self, status: HTTPStatus, body: bytes, place: str | None = None, *, sized: bool = True) -> None:
            self.send_response(status)
            if sized:
                self.send_header("Content-Length", str(len(body)))
            if place is not None:
                self.send_header("Content-Range", place)
            if manner == "says whole":
                self.send_header("Accept-Ranges", "none")
            breaks = place is not None and manner == "breaks off"
            if not sized or breaks:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            body = b"" if self.command == "HEAD" else body[: len(body) // 2] if breaks else body
            served.answers.append((self.command, status, len(body)))
            self.wfile.write(body)

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # who asked has left before all was sent
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "http" if certificate is None else "https"
        served = Served(f"{scheme}://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
