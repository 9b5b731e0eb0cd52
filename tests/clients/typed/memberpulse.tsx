// A front end of the MemberPulse example, as the type checker sees it: tests/codegen/test_front_end.py compiles it, and
// again with one mistake at a time.
import { ConvexHttpClient } from "convex/browser";
import { useMutation, usePaginatedQuery, useQuery } from "convex/react";
import { api, internal } from "./functions/_generated/api";
import type { Doc, Id, TableNames } from "./functions/_generated/dataModel";

function Title({ notification }: { notification: Doc<"notifications"> }) {
  return <b>{notification.title}</b>;
}

export function Notifications({ userId }: { userId: string }) {
  const unread = useQuery(api.notifications.list, { userId });
  const markAsRead = useMutation(api.notifications.markAsRead);
  return unread?.map((notification) => (
    <button key={notification._id} onClick={() => markAsRead({ notificationId: notification._id })}>
      <Title notification={notification} /> {notification.link?.toUpperCase()}
    </button>
  ));
}

export async function main(client: ConvexHttpClient): Promise<Id<"notifications">> {
  const stats = await client.query(api.metrics.dashboardStats, { organizationId: "acme" });
  const table: TableNames = "approvals";
  console.log(stats.activeUsersCount + 1, stats.recentActivity[0]!.entityId, table);
  const status: Doc<"approvals">["status"] = "pending";
  return await client.mutation(api.notifications.create, {
    userId: "ada",
    organizationId: "acme",
    type: status,
    title: "Lunch",
    message: "is ready",
  });
}

export const cleanup = internal.presence.cleanup;
