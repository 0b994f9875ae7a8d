"""Answers that break off."""

from aiohttp import web


def hang_up(request: web.Request) -> web.Response:
    """Close the connection. The response that comes back is never sent."""
    if request.transport is not None:  # None: the client was quicker
        request.transport.close()
    return web.Response()


async def send_half(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Send the head of an answer, which promises the whole body, and half of the body. Then close the connection."""
    body = response.body if isinstance(response.body, bytes) else b""
    half = web.StreamResponse(status=response.status, headers=response.headers)
    half.content_length = len(body)
    try:
        await half.prepare(request)
        await half.write(body[: len(body) // 2])
    except ConnectionError:  # the client was quicker
        pass
    hang_up(request)
    return half
