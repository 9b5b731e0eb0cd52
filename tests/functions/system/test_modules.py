"""What the official command line is told of the functions of a deployment."""

from __future__ import annotations

from tests.functions.conftest import MakeBench

API_SPEC = "_system/cli/modules:apiSpec"
MESSAGES = """
    @query(args={"room": v.optional(v.string())}, returns=v.array(v.int64()))
    def list(ctx, room=None):
        return []

    @internal_mutation
    def clear(ctx):
        pass
"""
HTTP = """
    @http_action
    async def hook(ctx, request):
        return Response()

    http = HttpRouter()
    http.route(path="/hook", method="POST", handler=hook)
    http.route(path_prefix="/files/", method="GET", handler=hook)
"""


def test_nothing_is_listed_while_nothing_is_deployed(bench: MakeBench) -> None:
    assert bench(app="").run(API_SPEC, internal=True) == []


def test_functions_are_listed_with_their_validators_and_routes_with_their_methods(bench: MakeBench) -> None:
    app = bench(chat__messages=MESSAGES, http=HTTP)
    app.push()
    assert app.run(API_SPEC, internal=True) == [
        {
            "identifier": "chat/messages.js:clear",
            "functionType": "Mutation",
            "visibility": {"kind": "internal"},
            "args": {"type": "any"},
            "returns": {"type": "any"},
        },
        {
            "identifier": "chat/messages.js:list",
            "functionType": "Query",
            "visibility": {"kind": "public"},
            "args": {"type": "object", "value": {"room": {"fieldType": {"type": "string"}, "optional": True}}},
            "returns": {"type": "array", "value": {"type": "bigint"}},
        },
        {"functionType": "HttpAction", "method": "POST", "path": "/hook"},
        {"functionType": "HttpAction", "method": "GET", "path": "/files/*"},
    ]


def test_there_are_no_components_whose_functions_could_be_asked_for(bench: MakeBench) -> None:
    app = bench(app="")
    assert app.run(API_SPEC, {"componentId": None}, internal=True) == []
    assert app.error(API_SPEC, {"component": "x"}, internal=True).code == "InvalidArguments"
