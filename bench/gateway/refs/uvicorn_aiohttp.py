"""The bare reference: an ASGI relay over aiohttp that looks at nothing and keeps nothing."""

import os

import aiohttp

UP = f"http://127.0.0.1:{os.environ['UP_PORT']}"
HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-x"}
session = None


async def app(scope, receive, send):  # type: ignore[no-untyped-def]
    """Relay one request."""
    global session
    if scope["type"] != "http":
        return
    if session is None:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=600),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
    pieces = []
    has_more = True
    while has_more:
        message = await receive()
        pieces.append(message.get("body", b""))
        has_more = message.get("more_body", False)
    body = b"".join(pieces)
    async with session.post(UP + scope["path"], data=body, headers=HEADERS) as answer:
        kind = answer.headers.get("content-type", "").encode()
        head = {"type": "http.response.start", "status": answer.status}
        await send({**head, "headers": [(b"content-type", kind)]})
        async for chunk in answer.content.iter_any():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
