import type { FunctionReturnType } from "convex/server";
import { api } from "../../convex/_generated/api";
import { Card, Waiting } from "../components/Card";
import { bytes } from "../format";
import { useLive } from "../live";
import { useSession } from "../session";

type Summary = FunctionReturnType<typeof api.monitoring.summary>;
type Level = "good" | "warn" | "bad" | "idle";

interface Metric {
  name: string;
  value: string;
  target: string;
  alert: string;
  level: Level;
}

export function Monitoring() {
  const { organizationId } = useSession();
  const summary = useLive(api.monitoring.summary, { organizationId });
  if (summary === undefined) return <Waiting lines={6} />;
  return (
    <Card title="Metrics" aside={<small>{summary.sampleCount} calls measured by the pages that are open</small>}>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col" className="numeric">
                Now
              </th>
              <th scope="col" className="numeric">
                Target
              </th>
              <th scope="col" className="numeric">
                Alert
              </th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {metrics(summary).map(({ name, value, target, alert, level }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td className="numeric strong">{value}</td>
                <td className="numeric">{target}</td>
                <td className="numeric">{alert}</td>
                <td>
                  <span className={`pill ${level}`}>
                    <span className="dot" aria-hidden="true" />
                    {words[level]}
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

const words: Record<Level, string> = { good: "On target", warn: "Above target", bad: "Alert", idle: "No data yet" };

function metrics(summary: Summary): Metric[] {
  const { queryMs, mutationMs, activeConnections, storageBytes, storageQuotaBytes, failedShare, sampleCount } = summary;
  const storageShare = storageBytes / storageQuotaBytes;
  return [
    {
      name: "Query latency (p50)",
      value: milliseconds(queryMs),
      target: "< 50 ms",
      alert: "> 200 ms",
      level: levelOf(queryMs, 50, 200),
    },
    {
      name: "Mutation latency (p50)",
      value: milliseconds(mutationMs),
      target: "< 100 ms",
      alert: "> 500 ms",
      level: levelOf(mutationMs, 100, 500),
    },
    {
      name: "Active connections",
      value: String(activeConnections),
      target: "–",
      alert: "> 10,000",
      level: levelOf(activeConnections, 10_000, 10_000),
    },
    {
      name: "Storage",
      value: `${bytes(storageBytes)} (${percent(storageShare)})`,
      target: "–",
      alert: "> 80 %",
      level: levelOf(storageShare, 0.8, 0.8),
    },
    {
      name: "Function errors",
      value: percent(failedShare),
      target: "< 0.1 %",
      alert: "> 1 %",
      level: levelOf(sampleCount === 0 ? null : failedShare, 0.001, 0.01),
    },
  ];
}

function levelOf(value: number | null, target: number, alert: number): Level {
  if (value === null) return "idle";
  if (value > alert) return "bad";
  return value > target ? "warn" : "good";
}

function milliseconds(value: number | null): string {
  return value === null ? "–" : `${value.toFixed(1)} ms`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
