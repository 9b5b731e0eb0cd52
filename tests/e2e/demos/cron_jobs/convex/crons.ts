// Every way to say when.
import { cronJobs } from "convex/server";
import { internal } from "./_generated/api";

const crons = cronJobs();

crons.interval("every second", { seconds: 1 }, internal.beats.beat, { source: "interval" });
crons.interval("an action", { seconds: 1 }, internal.beats.beatFromOutside);
crons.hourly("at a quarter past", { minuteUTC: 15 }, internal.beats.beat, { source: "hourly" });
crons.daily("at tea time", { hourUTC: 16, minuteUTC: 0 }, internal.beats.beat, { source: "daily" });
crons.weekly("on Mondays", { dayOfWeek: "monday", hourUTC: 7, minuteUTC: 30 }, internal.beats.beat, {
  source: "weekly",
});
crons.monthly("for the bills", { day: 1, hourUTC: 9, minuteUTC: 0 }, internal.beats.beat, { source: "monthly" });
crons.cron("on working days", "0 12 * * MON-FRI", internal.beats.beat, { source: "cron" });

export default crons;
