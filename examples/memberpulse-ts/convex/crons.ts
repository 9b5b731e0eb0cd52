/** What is done again and again, without anybody asking. */
import { cronJobs } from "convex/server";
import { internal } from "./_generated/api";

const crons = cronJobs();

crons.interval("cleanup presence", { minutes: 5 }, internal.presence.cleanup);
crons.daily("cleanup notifications", { hourUTC: 3, minuteUTC: 0 }, internal.notifications.cleanup);
crons.hourly("cleanup samples", { minuteUTC: 30 }, internal.monitoring.cleanup);

export default crons;
