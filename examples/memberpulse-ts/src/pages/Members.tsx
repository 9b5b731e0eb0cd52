import { useState, type FormEvent } from "react";
import { api } from "../../convex/_generated/api";
import { Avatar } from "../components/Avatar";
import { Card } from "../components/Card";
import { Icon } from "../components/Icon";
import { useToast } from "../components/Toasts";
import { ago, useNow } from "../format";
import { useChange, useLive } from "../live";
import { memberOf, members } from "../members";
import { useSession } from "../session";

export function Members() {
  const { organizationId } = useSession();
  const online = useLive(api.presence.getOnlineUsers, { organizationId }) ?? [];
  const now = useNow();
  return (
    <div className="columns even">
      <Card title="Members" aside={<span className="count">{members.length}</span>}>
        <ul className="rows">
          {members.map((member) => {
            const seen = online.find(({ userId }) => userId === member.id);
            return (
              <li key={member.id} className="row">
                <Avatar member={member} online={seen !== undefined} size={42} />
                <div className="grow">
                  <strong>{member.name}</strong>
                  <small>{member.role}</small>
                </div>
                <small>{seen ? `${seen.currentPage} · ${ago(seen.lastSeen, now)}` : "offline"}</small>
              </li>
            );
          })}
        </ul>
      </Card>
      <Message />
    </div>
  );
}

function Message() {
  const { member, organizationId } = useSession();
  const others = members.filter(({ id }) => id !== member.id);
  const [chosen, setChosen] = useState(others[0].id);
  const [message, setMessage] = useState("");
  const create = useChange(api.notifications.create);
  const toast = useToast();
  const to = others.some(({ id }) => id === chosen) ? chosen : others[0].id;

  const onSubmit = async (event: FormEvent) => {
    event.preventDefault();
    setMessage("");
    const told = await create({
      userId: to,
      organizationId,
      type: "message",
      title: `From ${member.name}`,
      message: message.trim(),
    });
    if (told) toast({ tone: "good", text: `${memberOf(to).name} has been told.` });
    else setMessage((typed) => typed || message);
  };
  return (
    <Card title="Tell somebody">
      <form className="form" onSubmit={onSubmit}>
        <label>
          To
          <select value={to} onChange={(event) => setChosen(event.target.value)}>
            {others.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          Message
          <textarea
            rows={4}
            required
            maxLength={500}
            value={message}
            placeholder="Lunch is ready"
            onChange={(event) => setMessage(event.target.value)}
          />
        </label>
        <button className="button primary" type="submit" disabled={message.trim() === ""}>
          <Icon name="send" size={17} />
          Send
        </button>
      </form>
    </Card>
  );
}
