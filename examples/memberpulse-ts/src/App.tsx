import { useEffect, useState } from "react";
import { Avatar } from "./components/Avatar";
import { Connection } from "./components/Connection";
import { ErrorBoundary } from "./components/ErrorBoundary";
import { Icon, type IconName } from "./components/Icon";
import { NotificationBell } from "./components/NotificationBell";
import { LiveProvider } from "./live";
import { members, organization } from "./members";
import { Dashboard } from "./pages/Dashboard";
import { Files } from "./pages/Files";
import { Members } from "./pages/Members";
import { Monitoring } from "./pages/Monitoring";
import { Settings } from "./pages/Settings";
import { useHeartbeat } from "./presence";
import { useSession } from "./session";

const pages: { path: string; title: string; icon: IconName; page: () => React.JSX.Element }[] = [
  { path: "dashboard", title: "Dashboard", icon: "dashboard", page: Dashboard },
  { path: "members", title: "Members", icon: "members", page: Members },
  { path: "files", title: "Files", icon: "files", page: Files },
  { path: "monitoring", title: "Monitoring", icon: "gauge", page: Monitoring },
  { path: "settings", title: "Settings", icon: "settings", page: Settings },
];

/** The page that the address names after its `#/`. */
function usePage() {
  const read = () => pages.find(({ path }) => `#/${path}` === location.hash) ?? pages[0];
  const [page, setPage] = useState(read);
  useEffect(() => {
    const onChange = () => setPage(read);
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  useEffect(() => {
    document.title = `${page.title} · MemberPulse`;
  }, [page]);
  return page;
}

export function App() {
  return (
    <LiveProvider>
      <Shell />
    </LiveProvider>
  );
}

function Shell() {
  const { path, title, page: Page } = usePage();
  useHeartbeat(title);
  return (
    <div className="shell">
      <a className="skip" href="#content" onClick={(event) => skipTo(event, "content")}>
        Skip to content
      </a>
      <aside className="sidebar">
        <div className="brand">
          <span className="mark">
            <Icon name="pulse" size={20} />
          </span>
          <span>MemberPulse</span>
        </div>
        <nav aria-label="Main">
          {pages.map((one) => (
            <a key={one.path} href={`#/${one.path}`} aria-current={one.path === path ? "page" : undefined}>
              <Icon name={one.icon} />
              <span>{one.title}</span>
            </a>
          ))}
        </nav>
        <p className="organization">{organization.name}</p>
      </aside>
      <header className="topbar">
        <h1>{title}</h1>
        <Connection />
        <span className="grow" />
        <NotificationBell />
        <MemberChoice />
      </header>
      <main id="content" tabIndex={-1}>
        <ErrorBoundary key={path}>
          <Page />
        </ErrorBoundary>
      </main>
    </div>
  );
}

function MemberChoice() {
  const { member, signInAs } = useSession();
  return (
    <label className="member-choice">
      <Avatar member={member} size={34} />
      <span className="visually-hidden">Signed in as</span>
      <select value={member.id} onChange={(event) => signInAs(event.target.value)}>
        {members.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function skipTo(event: React.MouseEvent, id: string) {
  event.preventDefault();
  document.getElementById(id)!.focus();
}
