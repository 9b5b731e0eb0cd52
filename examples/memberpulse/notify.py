"""Give a member a notification, with the official Python client; or mark all of them as read.

pip install convex
python notify.py ada "Lunch is ready"
python notify.py ada --read
"""

import argparse
import os

from convex import ConvexClient


def main() -> None:
    parser = argparse.ArgumentParser(description="Give a MemberPulse member a notification.")
    parser.add_argument("user", help="the member, for example ada")
    parser.add_argument("message", nargs="?", default="Hello from Python")
    parser.add_argument("--read", action="store_true", help="mark the unread ones as read instead")
    parser.add_argument("--url", default=os.environ.get("RTDB_URL", "http://127.0.0.1:3210"))
    options = parser.parse_args()

    client = ConvexClient(options.url)
    if options.read:
        unread = client.query("notifications:list", {"userId": options.user})
        for notification in unread:
            client.mutation("notifications:markAsRead", {"notificationId": notification["_id"]})
        print(f"Marked {len(unread)} as read.")
    else:
        notification_id = client.mutation(
            "notifications:create",
            {
                "userId": options.user,
                "organizationId": "acme",
                "type": "message",
                "title": "News",
                "message": options.message,
            },
        )
        print(f"Created {notification_id}.")


if __name__ == "__main__":
    main()
