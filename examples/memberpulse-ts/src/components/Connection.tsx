import { useConvexConnectionState } from "convex/react";
import { useMode } from "../live";

/** Whether the page hears of changes now. */
export function Connection() {
  const { isWebSocketConnected, hasEverConnected } = useConvexConnectionState();
  const { enableRealtime, syncIntervalMs } = useMode();
  let state: [tone: string, text: string] = ["good", "Live"];
  if (!isWebSocketConnected) state = ["warn", hasEverConnected ? "Reconnecting…" : "Connecting…"];
  else if (!enableRealtime) state = ["idle", `Every ${syncIntervalMs / 1000} s`];
  return (
    <span className={`pill ${state[0]}`} role="status">
      <span className="dot" aria-hidden="true" />
      {state[1]}
    </span>
  );
}
