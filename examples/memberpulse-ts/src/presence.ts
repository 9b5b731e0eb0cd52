import { useMutation } from "convex/react";
import { useEffect } from "react";
import { api } from "../convex/_generated/api";
import { useTimed } from "./live";
import { useSession } from "./session";

const HEARTBEAT_MS = 30_000;

/** Keep the member online while the page is open, and tell the others what the member looks at. */
export function useHeartbeat(currentPage: string) {
  const { member, organizationId } = useSession();
  const heartbeat = useMutation(api.presence.heartbeat);
  const timed = useTimed();
  const leave = useMutation(api.presence.leave);

  useEffect(() => {
    // One that is lost is followed by the next.
    const beat = () => {
      void timed(() => heartbeat({ userId: member.id, organizationId, currentPage })).catch(() => {});
    };
    const onVisible = () => document.visibilityState === "visible" && beat();
    beat();
    const timer = setInterval(beat, HEARTBEAT_MS);
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [member.id, organizationId, currentPage, heartbeat, timed]);

  useEffect(() => {
    // Somebody else signs in in this window.
    return () => void leave({ userId: member.id }).catch(() => {});
  }, [member.id, leave]);
}
