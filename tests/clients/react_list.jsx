// The list that browser.mjs opens: pages of a feed, and a button for more. It remembers every list that was rendered.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ConvexProvider, ConvexReactClient, usePaginatedQuery } from "convex/react";
import { makeFunctionReference } from "convex/server";

const pages = makeFunctionReference("feed:pages");
const client = new ConvexReactClient(window.deployment);
const SIZE = 3;

// What was on the page, without repeats: the status, and the rank and id of every row.
window.shown = [];

function Feed() {
  const { results, status, loadMore } = usePaginatedQuery(pages, { room: window.subject }, { initialNumItems: SIZE });
  const rows = results.map(({ rank, _id }) => [rank, _id]);
  if (JSON.stringify(window.shown.at(-1)) !== JSON.stringify([status, rows])) window.shown.push([status, rows]);
  return (
    <>
      <output>{`${status} ${results.map(({ rank }) => rank).join(" ")}`.trim()}</output>
      <button onClick={() => loadMore(SIZE)}>more</button>
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <ConvexProvider client={client}>
      <Feed />
    </ConvexProvider>
  </StrictMode>,
);
