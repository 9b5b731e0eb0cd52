import { useEffect, useRef, useState } from "react";
import { api } from "../../convex/_generated/api";
import type { Doc } from "../../convex/_generated/dataModel";
import { ago, useNow } from "../format";
import { useChange, useLive } from "../live";
import { useSession } from "../session";
import { Empty } from "./Card";
import { Icon, type IconName } from "./Icon";

const icons: Record<string, IconName> = { approval: "check", file: "files", message: "send" };

export function NotificationBell() {
  const { member } = useSession();
  const notifications = useLive(api.notifications.list, { userId: member.id });
  const [open, setOpen] = useState(false);
  const bell = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const unread = notifications?.length ?? 0;
  const news = useNews(member.id, notifications);

  // A click elsewhere and Escape close it; Escape gives the keyboard's place back.
  useEffect(() => {
    if (!open) return;
    const onPointer = (event: PointerEvent) => {
      if (!bell.current!.contains(event.target as Node)) setOpen(false);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current!.focus();
    };
    document.addEventListener("pointerdown", onPointer);
    document.addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("pointerdown", onPointer);
      document.removeEventListener("keydown", onKey);
    };
  }, [open]);

  return (
    <div className="bell" ref={bell}>
      <button
        ref={button}
        className="icon-button"
        aria-label={`Notifications, ${unread} unread`}
        aria-expanded={open}
        aria-controls="notifications"
        onClick={() => setOpen(!open)}
      >
        <span className={news ? "ringing" : undefined} key={news?._id}>
          <Icon name="bell" size={22} />
        </span>
        {unread > 0 && (
          <span className="badge" key={unread}>
            {unread > 49 ? "50+" : unread}
          </span>
        )}
      </button>
      <span className="visually-hidden" role="status">
        {news && `New notification: ${news.title}: ${news.message}`}
      </span>
      {open && <NotificationPanel notifications={notifications ?? []} />}
    </div>
  );
}

/** The notification that came last while the page was open. */
function useNews(userId: string, notifications: Doc<"notifications">[] | undefined) {
  const seen = useRef<{ userId: string; newest: number } | null>(null);
  const [news, setNews] = useState<Doc<"notifications"> | null>(null);
  useEffect(() => {
    if (notifications === undefined) return;
    const newest = notifications[0]?._creationTime ?? 0;
    if (seen.current?.userId !== userId) {
      setNews(null);
      seen.current = { userId, newest };
    } else if (newest > seen.current.newest) {
      setNews(notifications[0]);
      seen.current.newest = newest;
    }
  }, [userId, notifications]);
  return news;
}

function NotificationPanel({ notifications }: { notifications: Doc<"notifications">[] }) {
  const { member } = useSession();
  const now = useNow();
  // It disappears before the server has answered; should the server refuse, it is back.
  const markAsRead = useChange(api.notifications.markAsRead, (store, { notificationId }) => {
    const userId = member.id;
    const shown = store.getQuery(api.notifications.list, { userId });
    if (shown) {
      store.setQuery(
        api.notifications.list,
        { userId },
        shown.filter(({ _id }) => _id !== notificationId),
      );
    }
  });
  const markAllAsRead = useChange(api.notifications.markAllAsRead);
  return (
    <section className="panel" id="notifications" aria-label="Notifications">
      <header className="card-head">
        <h2>Notifications</h2>
        {notifications.length > 0 && (
          <button className="button quiet" onClick={() => markAllAsRead({ userId: member.id })}>
            Mark all as read
          </button>
        )}
      </header>
      {notifications.length === 0 ? (
        <Empty icon="inbox">You have read everything.</Empty>
      ) : (
        <ul className="rows">
          {notifications.map((notification) => (
            <li key={notification._id} className="row">
              <span className="glyph">
                <Icon name={icons[notification.type] ?? "bell"} size={18} />
              </span>
              <div className="grow">
                <strong>{notification.title}</strong>
                <p>{notification.message}</p>
                <small>{ago(notification.createdAt, now)}</small>
              </div>
              <button
                className="icon-button small"
                aria-label={`Mark “${notification.message}” as read`}
                title="Mark as read"
                onClick={() => markAsRead({ notificationId: notification._id })}
              >
                <Icon name="check" size={16} />
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
