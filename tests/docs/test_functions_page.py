"""The app on the page about functions is a real one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx

from rtdb.link.frames import ScheduledRun
from rtdb.scheduler.agenda import Waiting
from rtdb.values.document_id import decode_id
from tests.functions.action_bench import running_actions
from tests.functions.app_bench import AppBench

PAGE = Path(__file__).parents[2] / "docs" / "functions.md"
BLOCK = re.compile(r"^```python\n# (\w+)\.py\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_apps_functions_do_what_the_page_says(tmp_path: Path) -> None:
    modules = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert modules.keys() == {"schema", "rooms", "messages", "welcome", "reminders", "crons", "pictures"}
    app = AppBench(tmp_path, **modules)
    app.push()
    room = app.run("rooms:open", {"name": "hall"})
    assert app.error("rooms:open", {"name": "hall"}).data == b'{"code":"TAKEN","name":"hall"}'
    for number in range(5):
        app.clock.now += 1_000_000
        app.run("messages:send", {"room": room, "author": "bot" if number == 0 else "ada", "body": str(number)})
    assert app.run("rooms:find", {"name": "hall"})["members"] == 5
    assert "Could not find public function" in app.error("rooms:join", {"room": room}).message
    popular = app.run("messages:popular", {"room": room, "least": 0})
    assert [row["body"] for row in popular] == ["4", "3", "2", "1"]
    options: dict[str, Any] = {"numItems": 3, "cursor": None}
    first = app.run("messages:page", {"room": room, "paginationOpts": options})
    options["cursor"] = first["continueCursor"]
    second = app.run("messages:page", {"room": room, "paginationOpts": options})
    assert [row["body"] for row in first["page"] + second["page"]] == ["4", "3", "2", "1", "0"]
    assert second["isDone"]
    reminder = app.run("reminders:remind", {"room": room, "minutes": 1})
    app.run("reminders:forget", {"reminder": reminder})
    app.run("reminders:remind", {"room": room, "minutes": 1})
    asked = {"kind": "job", "after": "", "count": 10}
    (ring,) = app.run("_system/scheduler:waiting", asked, internal=True, by_server=True)
    waiting = Waiting.of_key(bytes.fromhex(ring))
    run = ScheduledRun("job", waiting.internal, waiting.due)
    app.run(waiting.path, kind="mutation", internal=True, scheduled=run)
    app.clock.now += 1_000_000
    app.run("reminders:greet", internal=True)
    app.run("reminders:prune", {"keep": 2}, internal=True)
    newest = app.run("messages:page", {"room": room, "paginationOpts": {"numItems": 9, "cursor": None}})
    assert [row["body"] for row in newest["page"]] == ["Good morning", "Time is up"]
    assert [cron.name for cron in app.app.description.crons] == ["good morning", "last working day", "prune"]
    assert decode_id(room).table != decode_id(popular[0]["_id"]).table
    app.close()


async def test_the_action_greets_everybody(tmp_path: Path) -> None:
    modules = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.params["name"]
        return httpx.Response(404 if name == "nobody" else 200, json={"greeting": f"hello {name}"})

    async with running_actions(tmp_path, transport=httpx.MockTransport(answer), **modules) as bench:
        room = bench.app.run("rooms:open", {"name": "hall"})
        assert await bench.act("welcome:greet_all", {"room": "hall", "names": ["ada", "bob"]}) == 2
        options = {"numItems": 9, "cursor": None}
        page = bench.app.run("messages:page", {"room": room, "paginationOpts": options})["page"]
        assert sorted(message["body"] for message in page) == ["hello ada", "hello bob"]
        error = await bench.error("welcome:greet_all", {"room": "hall", "names": ["nobody"]})
        assert error.data == b'{"code":"NO_GREETING","status":404.0}'


async def test_a_picture_is_fetched_hung_and_taken_down(tmp_path: Path) -> None:
    modules = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    picture = httpx.MockTransport(lambda _: httpx.Response(200, content=b"PNG", headers={"content-type": "image/png"}))
    async with running_actions(tmp_path, transport=picture, **modules) as bench:
        app = bench.app
        room = app.run("rooms:open", {"name": "hall"})
        file = await bench.act("pictures:fetch", {"url": "https://pictures.example/1"})
        hung = app.run("pictures:hang", {"room": room, "file": file})
        (url,) = app.run("pictures:on_the_wall", {"room": room})
        assert url.startswith("http://files.example/api/storage/")
        assert app.run("pictures:upload_url").startswith("http://files.example/api/storage/upload?token=")
        app.run("pictures:take_down", {"picture": hung})
        assert app.run("pictures:on_the_wall", {"room": room}) == []
        assert app.error("pictures:hang", {"room": room, "file": file}).data == b'"That is no picture"'
