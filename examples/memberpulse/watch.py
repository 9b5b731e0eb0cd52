"""Watch a member's notifications live, from Python.

python watch.py ada
python watch.py ada http://192.168.1.20:3210

`rtdb.client` is for programs that run on trio. The official client (see notify.py) can subscribe too.
"""

import argparse
import os

import trio

from rtdb.client import open_client


async def watch(user: str, url: str) -> None:
    print(f"{user}'s unread notifications at {url}, live. Ctrl-C ends it.", flush=True)
    async with open_client(url) as client, client.subscribe("notifications:list", {"userId": user}) as results:
        async for notifications in results:
            print(f"\n{len(notifications)} unread", flush=True)
            for notification in notifications:
                print(f"  {notification['title']}: {notification['message']}  ({notification['_id']})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Watch a MemberPulse member's notifications live.")
    parser.add_argument("user", nargs="?", default="ada")
    parser.add_argument("url", nargs="?", default=os.environ.get("RTDB_URL", "http://127.0.0.1:3210"))
    options = parser.parse_args()
    trio.run(watch, options.user, options.url)
