import { useState, type FormEvent } from "react";
import { api } from "../../convex/_generated/api";
import type { Doc } from "../../convex/_generated/dataModel";
import { Avatar } from "../components/Avatar";
import { Card, Empty, Waiting } from "../components/Card";
import { Icon, type IconName } from "../components/Icon";
import { ago, useNow } from "../format";
import { useChange, useLive } from "../live";
import { memberOf } from "../members";
import { useSession } from "../session";

const HOUR_MS = 3_600_000;

export function Dashboard() {
  const { organizationId } = useSession();
  const stats = useLive(api.metrics.dashboardStats, { organizationId });
  const now = useNow();
  const lately = stats?.recentActivity.filter(({ createdAt }) => createdAt > now - HOUR_MS).length;
  return (
    <>
      <div className="tiles">
        <Tile icon="members" label="Active members" note="in the last five minutes" value={stats?.activeUsersCount} />
        <Tile icon="clock" label="Pending approvals" note="wait for a decision" value={stats?.pendingApprovalsCount} />
        <Tile
          icon="pulse"
          label="Activity"
          note="in the last hour"
          value={lately === 20 ? "20+" : lately}
        />
      </div>
      <div className="columns">
        <div className="stack">
          <Approvals />
          <Card title="Recent activity">
            <Feed activity={stats?.recentActivity} now={now} />
          </Card>
        </div>
        <div className="stack">
          <OnlineNow />
        </div>
      </div>
    </>
  );
}

/** A number, which lights up when it changes. */
function Tile({ icon, label, note, value }: { icon: IconName; label: string; note: string; value?: number | string }) {
  return (
    <section className="card tile" aria-label={label}>
      <span className="glyph large">
        <Icon name={icon} size={22} />
      </span>
      <div>
        <h2>{label}</h2>
        <p className="number" key={value} aria-live="polite">
          {value ?? "–"}
        </p>
        <small>{note}</small>
      </div>
    </section>
  );
}

function Approvals() {
  const { member, organizationId } = useSession();
  const pending = useLive(api.approvals.list, { organizationId });
  const request = useChange(api.approvals.request);
  const decide = useChange(api.approvals.decide);
  const [subject, setSubject] = useState("");
  const now = useNow();

  const onSubmit = async (event: FormEvent) => {
    event.preventDefault();
    // Cleared at once, for the next one to be typed; back when it was refused.
    setSubject("");
    if (!(await request({ organizationId, requestedBy: member.id, subject }))) setSubject((typed) => typed || subject);
  };
  return (
    <Card title="Approvals">
      <form className="inline-form" onSubmit={onSubmit}>
        <label className="grow">
          <span className="visually-hidden">What is to be approved</span>
          <input
            value={subject}
            maxLength={120}
            placeholder="Ask for an approval: a new laptop, a room, …"
            onChange={(event) => setSubject(event.target.value)}
          />
        </label>
        <button className="button primary" type="submit">
          Request
        </button>
      </form>
      {pending === undefined ? (
        <Waiting />
      ) : pending.length === 0 ? (
        <Empty icon="check">Nothing waits for a decision.</Empty>
      ) : (
        <ul className="rows">
          {pending.map(({ _id, subject, requestedBy, createdAt }) => (
            <li key={_id} className="row">
              <Avatar member={memberOf(requestedBy)} />
              <div className="grow">
                <strong>{subject}</strong>
                <small>
                  {memberOf(requestedBy).name} · {ago(createdAt, now)}
                </small>
              </div>
              <button
                className="button good"
                aria-label={`Approve “${subject}”`}
                onClick={() => decide({ approvalId: _id, approved: true, decidedBy: member.id })}
              >
                Approve
              </button>
              <button
                className="button quiet"
                aria-label={`Reject “${subject}”`}
                onClick={() => decide({ approvalId: _id, approved: false, decidedBy: member.id })}
              >
                Reject
              </button>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Feed({ activity, now }: { activity?: Doc<"activity">[]; now: number }) {
  if (activity === undefined) return <Waiting lines={5} />;
  if (activity.length === 0) return <Empty icon="pulse">Nothing has happened yet.</Empty>;
  return (
    <ol className="rows feed">
      {activity.map(({ _id, userId, action, entityType, metadata, createdAt }) => (
        <li key={_id} className="row">
          <Avatar member={memberOf(userId)} size={30} />
          <p className="grow">
            <strong>{memberOf(userId).name}</strong> {action} {metadata?.subject ? "" : entityType}
            {metadata?.subject && <q>{String(metadata.subject)}</q>}
          </p>
          <small>{ago(createdAt, now)}</small>
        </li>
      ))}
    </ol>
  );
}

export function OnlineNow() {
  const { member, organizationId } = useSession();
  const online = useLive(api.presence.getOnlineUsers, { organizationId });
  return (
    <Card title="Online now" aside={<span className="count">{online?.length ?? ""}</span>}>
      {online === undefined ? (
        <Waiting />
      ) : (
        <ul className="rows" aria-label="Online now">
          {online.map(({ userId, currentPage }) => (
            <li key={userId} className="row">
              <Avatar member={memberOf(userId)} online />
              <div className="grow">
                <strong>
                  {memberOf(userId).name}
                  {userId === member.id && <span className="you"> you</span>}
                </strong>
                <small>looks at {currentPage}</small>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
