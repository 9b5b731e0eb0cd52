/** Numbers and times as people read them. */
import { useEffect, useState } from "react";

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

export function ago(then: number, now: number): string {
  const elapsed = now - then;
  for (const [unit, milliseconds] of steps) {
    if (elapsed >= milliseconds) return relative.format(-Math.floor(elapsed / milliseconds), unit);
  }
  return "just now";
}

export function bytes(count: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${unit === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

/** The time of day, for texts such as "2 minutes ago": it goes on while nothing else changes. */
export function useNow(everyMs = 15_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  // What has just come from the server may be newer than the last tick.
  return Math.max(now, Date.now() - everyMs);
}
