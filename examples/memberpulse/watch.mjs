// Watch a member's notifications live, with the official npm client.
//
//   npm install
//   node watch.mjs ada                                   (http://127.0.0.1:3210)
//   node watch.mjs ada http://192.168.1.20:3210
//
// Then, elsewhere, give her one: python notify.py ada "Lunch is ready"
import { ConvexClient } from "convex/browser";
import { anyApi } from "convex/server";

const userId = process.argv[2] ?? "ada";
const url = process.argv[3] ?? process.env.RTDB_URL ?? "http://127.0.0.1:3210";
const client = new ConvexClient(url);

console.log(`${userId}'s unread notifications at ${url}, live. Ctrl-C ends it.`);
client.onUpdate(
  anyApi.notifications.list,
  { userId },
  (notifications) => {
    console.log(`\n${new Date().toLocaleTimeString()}  ${notifications.length} unread`);
    for (const { title, message, _id } of notifications) {
      console.log(`  ${title}: ${message}  (${_id})`);
    }
  },
  (error) => console.error(`The query failed: ${error.message}`),
);

process.on("SIGINT", async () => {
  await client.close();
  process.exit(0);
});
