import { ConvexProvider, ConvexReactClient } from "convex/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { ErrorBoundary } from "./components/ErrorBoundary";
import { SessionProvider } from "./session";
import { ToastProvider } from "./components/Toasts";
import "./styles.css";

// `convex dev` writes the address into .env.local.
const url = import.meta.env.VITE_CONVEX_URL;
if (!url) {
  throw new Error("VITE_CONVEX_URL is not set: run `npx convex dev`, which writes it into .env.local.");
}
const convex = new ConvexReactClient(url);

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <ErrorBoundary>
      <ConvexProvider client={convex}>
        <ToastProvider>
          <SessionProvider>
            <App />
          </SessionProvider>
        </ToastProvider>
      </ConvexProvider>
    </ErrorBoundary>
  </StrictMode>,
);
