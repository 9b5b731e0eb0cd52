import { useQuery } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useState, type FormEvent } from "react";
import { api } from "../../convex/_generated/api";
import { Card, Waiting } from "../components/Card";
import { useToast } from "../components/Toasts";
import { ago, useNow } from "../format";
import { useChange } from "../live";
import { memberOf } from "../members";
import { useSession } from "../session";

type Saved = FunctionReturnType<typeof api.settings.get>;

export function Settings() {
  const { organizationId } = useSession();
  const saved = useQuery(api.settings.get, { organizationId });
  if (saved === undefined) return <Waiting lines={5} />;
  const { deploymentUrl, enableRealtime, syncIntervalMs } = saved;
  return (
    <div className="columns even">
      {/* What somebody else has saved is what is shown next. */}
      <Integration key={`${deploymentUrl} ${enableRealtime} ${syncIntervalMs}`} saved={saved} />
      <DeployKey deployKey={saved.deployKey} />
    </div>
  );
}

function Integration({ saved }: { saved: Saved }) {
  const { member, organizationId } = useSession();
  const save = useChange(api.settings.save);
  const toast = useToast();
  const [deploymentUrl, setDeploymentUrl] = useState(saved.deploymentUrl);
  const [enableRealtime, setEnableRealtime] = useState(saved.enableRealtime);
  const [syncIntervalMs, setSyncIntervalMs] = useState(saved.syncIntervalMs);

  const onSubmit = async (event: FormEvent) => {
    event.preventDefault();
    const settings = { organizationId, deploymentUrl, enableRealtime, syncIntervalMs, updatedBy: member.id };
    if (await save(settings)) toast({ tone: "good", text: "Saved, for every open page." });
  };
  return (
    <Card title="Convex">
      <form className="form" onSubmit={onSubmit}>
        <label>
          Deployment URL
          <input
            type="url"
            required
            value={deploymentUrl}
            onChange={(event) => setDeploymentUrl(event.target.value)}
          />
        </label>
        <label className="toggle">
          <input
            type="checkbox"
            role="switch"
            checked={enableRealtime}
            onChange={(event) => setEnableRealtime(event.target.checked)}
          />
          <span>
            Enable real-time
            <small>Pages are told of every change. Otherwise they ask again at the sync interval.</small>
          </span>
        </label>
        <label>
          Sync interval (ms)
          <input
            type="number"
            required
            min={250}
            max={3_600_000}
            step={50}
            value={syncIntervalMs}
            onChange={(event) => setSyncIntervalMs(event.target.valueAsNumber)}
          />
        </label>
        <button className="button primary" type="submit">
          Save
        </button>
      </form>
    </Card>
  );
}

function DeployKey({ deployKey }: { deployKey: Saved["deployKey"] }) {
  const { member, organizationId } = useSession();
  const setKey = useChange(api.settings.setDeployKey);
  const toast = useToast();
  const [typed, setTyped] = useState("");
  const now = useNow();

  const onSubmit = async (event: FormEvent) => {
    event.preventDefault();
    if (!(await setKey({ organizationId, deployKey: typed, setBy: member.id }))) return;
    setTyped("");
    toast({ tone: "good", text: "The deploy key is set. It cannot be read again." });
  };
  return (
    <Card title="Deploy key">
      <p className="hint">
        {deployKey
          ? `The key ends in ${deployKey.lastFour}. ${memberOf(deployKey.setBy).name} has set it ${ago(deployKey.setAt, now)}.`
          : "No key is set: other systems cannot send events to POST /sync."}
      </p>
      <form className="form" onSubmit={onSubmit}>
        <label>
          {deployKey ? "New deploy key" : "Deploy key"}
          <input
            type="password"
            autoComplete="off"
            required
            minLength={16}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        </label>
        <div className="actions">
          <button className="button primary" type="submit">
            Set key
          </button>
          {deployKey && (
            <button
              className="button quiet"
              type="button"
              onClick={() => setKey({ organizationId, deployKey: null, setBy: member.id })}
            >
              Remove key
            </button>
          )}
        </div>
      </form>
    </Card>
  );
}
