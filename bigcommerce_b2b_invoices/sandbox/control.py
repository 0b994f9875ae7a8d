"""The control routes: the sandbox's own methods for other processes.

They need no token. A page in a browser cannot use them: it may send JSON to another origin only after a preflight request, which
the sandbox refuses.
"""

from collections.abc import Callable, Mapping

from aiohttp import web

from . import answers
from .answers import Body
from .log import SandboxRequest

CONTROL = "/_sandbox/"


class Control:
    """`POST /_sandbox/{action}` calls an action with keywords from a JSON object. `GET /_sandbox/requests` lists the requests."""

    def __init__(self, actions: Mapping[str, Callable[..., int | None]], requests: Callable[[], list[SandboxRequest]]) -> None:
        self._actions = actions
        self._requests = requests

    def table(self) -> list[web.RouteDef]:
        """Which request goes where."""
        return [web.route("*", f"{CONTROL}{{name:.*}}", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        wanted = "GET" if name == "requests" else "POST" if name in self._actions else None
        if wanted is None:
            return _refused(404, f"there is no {request.path}; try {', '.join((*self._actions, 'requests'))}")
        if request.method != wanted:
            return _refused(405, f"{request.path} takes {wanted}, not {request.method}")
        if wanted == "GET":
            return web.Response(body=answers.dump([each.as_json() for each in self._requests()]), content_type="application/json")
        if request.content_type != "application/json":
            return _refused(415, f"{request.path} takes Content-Type: application/json, not {request.content_type}")
        return self._act(name, await request.read())

    def _act(self, name: str, body: bytes) -> web.Response:
        try:
            keywords = answers.loads(body) if body else {}
        except (ValueError, ArithmeticError, RecursionError):  # Arithmetic: a Decimal with an absurd exponent
            return _refused(400, "the body is not JSON")
        if not isinstance(keywords, dict):
            return _refused(400, "the body must be a JSON object")
        try:
            made = self._actions[name](**keywords)
        except (TypeError, ValueError) as error:
            return _refused(400, str(error))
        result: Body = {} if made is None else {"id": made}
        return answers.answer(result)


def _refused(status: int, problem: str) -> web.Response:
    return answers.answer({"error": problem}, status=status)
