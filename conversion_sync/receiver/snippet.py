"""`GET /snippet.js`: what sites include to keep their visitors' ad clicks."""

from __future__ import annotations

import functools
import gzip
import hashlib
import re
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

CACHED = "public, max-age=3600"


def snippet_routes() -> list[Route]:
    """The one route."""
    return [Route("/snippet.js", _snippet, methods=["GET"])]


async def _snippet(request: Request) -> Response:
    text, small, tag = served()
    headers = {
        "Cache-Control": CACHED,
        "ETag": tag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        # Any page may load it, also one that asks for the file by its digest or isolates itself.
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(small, media_type="text/javascript", headers=headers | {"Content-Encoding": "gzip"})
    return Response(text, media_type="text/javascript", headers=headers)


@functools.cache
def served() -> tuple[bytes, bytes, str]:
    """The snippet without what only its readers need, the same compressed, and its entity tag."""
    source = (files(__package__) / "snippet.js").read_text(encoding="utf-8")
    lines = (line.strip() for line in source.splitlines())
    joined = "\n".join(line for line in lines if not re.match("//|$", line))
    text = re.sub(r"(?<=[{,;(])\n", "", joined).encode()
    return text, gzip.compress(text, 9, mtime=0), f'W/"{hashlib.sha256(text).hexdigest()[:16]}"'
