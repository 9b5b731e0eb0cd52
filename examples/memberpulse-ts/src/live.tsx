/**
 * Queries and mutations as the pages use them.
 *
 * `useLive` subscribes. Where the platform settings say that real-time is off, it asks again every so often instead.
 * What both take is measured, and reported for the monitoring page.
 */
import { useConvex, useMutation, useQuery, type OptionalRestArgsOrSkip, type ReactMutation } from "convex/react";
import { getFunctionName, type FunctionArgs, type FunctionReference, type FunctionReturnType } from "convex/server";
import { ConvexError, convexToJson, type Value } from "convex/values";
import { createContext, useCallback, useContext, useEffect, useRef, useState, type ReactNode } from "react";
import { api } from "../convex/_generated/api";
import { useToast } from "./components/Toasts";
import { useSession } from "./session";

interface Sample {
  kind: "query" | "mutation";
  milliseconds: number;
  failed: boolean;
}

interface Mode {
  enableRealtime: boolean;
  syncIntervalMs: number;
  measured: (sample: Sample) => void;
}

const REPORT_MS = 2_000;
const ModeContext = createContext<Mode>({ enableRealtime: true, syncIntervalMs: 5_000, measured: () => {} });

/** Follows the settings, which are always live: turning real-time on again is noticed at once. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const { organizationId } = useSession();
  const settings = useQuery(api.settings.get, { organizationId });
  const report = useMutation(api.monitoring.report);
  const pending = useRef<Sample[]>([]);
  const measured = useCallback((sample: Sample) => void pending.current.push(sample), []);

  useEffect(() => {
    const timer = setInterval(() => {
      const samples = pending.current.splice(0, 100);
      // Lost when it fails: the next ones say the same.
      if (samples.length > 0) report({ organizationId, samples }).catch(() => {});
    }, REPORT_MS);
    return () => clearInterval(timer);
  }, [organizationId, report]);

  const { enableRealtime = true, syncIntervalMs = 5_000 } = settings ?? {};
  return <ModeContext value={{ enableRealtime, syncIntervalMs, measured }}>{children}</ModeContext>;
}

export function useMode(): Mode {
  return useContext(ModeContext);
}

/** The result of a query, always the latest; undefined until there is one. Throws the query's error. */
export function useLive<Query extends FunctionReference<"query">>(
  query: Query,
  args: FunctionArgs<Query>,
): FunctionReturnType<Query> | undefined {
  const { enableRealtime, syncIntervalMs, measured } = useMode();
  const subscribed = useQuery(query, ...([enableRealtime ? args : "skip"] as OptionalRestArgsOrSkip<Query>));
  const polled = usePolled(query, enableRealtime ? "skip" : args, syncIntervalMs);
  const value = enableRealtime ? subscribed : polled;

  const convex = useConvex();
  const key = keyOf(query, args);
  const waiting = useRef({ key: "", since: 0 });
  useEffect(() => {
    if (value === undefined) {
      // What waits for a connection first says nothing of the query.
      if (!convex.connectionState().isWebSocketConnected) return;
      if (waiting.current.key !== key) waiting.current = { key, since: performance.now() };
    } else if (waiting.current.key === key) {
      measured({ kind: "query", milliseconds: performance.now() - waiting.current.since, failed: false });
      waiting.current.key = "";
    }
  });
  return value;
}

function usePolled<Query extends FunctionReference<"query">>(
  query: Query,
  args: FunctionArgs<Query> | "skip",
  everyMs: number,
): FunctionReturnType<Query> | undefined {
  const convex = useConvex();
  const key = args === "skip" ? "skip" : keyOf(query, args);
  const [state, setState] = useState<{ key: string; value?: FunctionReturnType<Query>; error?: unknown }>({ key });
  useEffect(() => {
    if (args === "skip") return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const ask = async () => {
      let next: typeof state;
      try {
        next = { key, value: await convex.query(query, args) };
      } catch (error) {
        next = { key, error };
      }
      if (ended) return;
      setState(next);
      timer = setTimeout(ask, everyMs);
    };
    void ask();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
    // `key` stands for the query and its arguments.
  }, [convex, key, everyMs]);
  if (state.key !== key) return undefined;
  if (state.error !== undefined) throw state.error;
  return state.value;
}

function keyOf(query: FunctionReference<"query">, args: Value): string {
  return `${getFunctionName(query)} ${JSON.stringify(convexToJson(args))}`;
}

/** Runs mutations and measures them. A ConvexError is an answer of the app's; any other is a function that failed. */
export function useTimed(): <Result>(run: () => Promise<Result>) => Promise<Result> {
  const { measured } = useMode();
  return useCallback(
    async (run) => {
      const began = performance.now();
      let failed = false;
      try {
        return await run();
      } catch (error) {
        failed = !(error instanceof ConvexError);
        throw error;
      } finally {
        measured({ kind: "mutation", milliseconds: performance.now() - began, failed });
      }
    },
    [measured],
  );
}

/** A mutation for the pages: says what went wrong where the member sees it. Resolves to whether it was done. */
export function useChange<Mutation extends FunctionReference<"mutation">>(
  mutation: Mutation,
  optimistic?: Parameters<ReactMutation<Mutation>["withOptimisticUpdate"]>[0],
): (args: FunctionArgs<Mutation>) => Promise<boolean> {
  const plain = useMutation(mutation);
  const timed = useTimed();
  const toast = useToast();
  return async (args) => {
    const call = optimistic === undefined ? plain : plain.withOptimisticUpdate(optimistic);
    try {
      await timed(() => (call as (args: FunctionArgs<Mutation>) => Promise<unknown>)(args));
    } catch (error) {
      toast({ tone: "bad", text: messageOf(error) });
      return false;
    }
    return true;
  };
}

export function messageOf(error: unknown): string {
  if (error instanceof ConvexError) return String(error.data?.message ?? error.data);
  return error instanceof Error ? error.message : String(error);
}
