// The app that browser.mjs opens: a counter that shows at once what a click will lead to, and remembers what it showed.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ConvexProvider, ConvexReactClient, useAction, useMutation, useQuery } from "convex/react";
import { makeFunctionReference } from "convex/server";

const get = makeFunctionReference("counters:get");
const increment = makeFunctionReference("counters:increment");
const incrementOften = makeFunctionReference("counters:increment_often");
const client = new ConvexReactClient(window.deployment);
const args = { name: window.subject };

// What was on the page, without repeats: `null` is "not there yet".
window.shown = [];

function Counter() {
  const count = useQuery(get, args);
  const click = useMutation(increment).withOptimisticUpdate((store) => {
    const now = store.getQuery(get, args);
    if (now !== undefined) store.setQuery(get, args, now + 100);
  });
  // For browser.mjs to call: what an action returns is on no page.
  window.act = useAction(incrementOften);
  if (window.shown.at(-1) !== (count ?? null)) window.shown.push(count ?? null);
  return <button onClick={() => click(args)}>{count ?? "…"}</button>;
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <ConvexProvider client={client}>
      <Counter />
    </ConvexProvider>
  </StrictMode>,
);
