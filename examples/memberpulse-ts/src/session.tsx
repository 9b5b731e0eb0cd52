/**
 * Who is signed in: chosen in the page, until there is authentication.
 *
 * Each window has its own choice, so that two windows can be two members. `?as=grace` in the address chooses, too.
 */
import { createContext, useContext, useMemo, useState, type ReactNode } from "react";
import { memberOf, members, organization, type Member } from "./members";

interface Session {
  member: Member;
  organizationId: string;
  signInAs: (id: string) => void;
}

const SessionContext = createContext<Session | null>(null);
const KEY = "memberpulse.member";

function chosen(): string {
  const named = new URLSearchParams(location.search).get("as") ?? sessionStorage.getItem(KEY);
  return members.some((member) => member.id === named) ? named! : members[0].id;
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const [id, setId] = useState(chosen);
  const session = useMemo(
    () => ({
      member: memberOf(id),
      organizationId: organization.id,
      signInAs: (other: string) => {
        sessionStorage.setItem(KEY, other);
        const address = new URL(location.href);
        if (address.searchParams.has("as")) {
          address.searchParams.delete("as");
          history.replaceState(null, "", address);
        }
        setId(other);
      },
    }),
    [id],
  );
  return <SessionContext value={session}>{children}</SessionContext>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("useSession is for what is inside a SessionProvider.");
  return session;
}
