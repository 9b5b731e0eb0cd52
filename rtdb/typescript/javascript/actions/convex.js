// The global `Convex`, which the library talks to (typescript-runtime §1, §5, §6).

const NAMES = {
  "1.0/actions/query": "runQuery",
  "1.0/actions/mutation": "runMutation",
  "1.0/actions/action": "runAction",
  "1.0/actions/schedule": "scheduler.runAt",
  "1.0/actions/cancel_job": "scheduler.cancel",
  "1.0/actions/vectorSearch": "vectorSearch",
  "1.0/getUserIdentity": "auth.getUserIdentity",
  "1.0/storageGetUrl": "storage.getUrl",
  "1.0/storageGetMetadata": "storage.getMetadata",
  "1.0/storageGenerateUploadUrl": "storage.generateUploadUrl",
  "1.0/storageDelete": "storage.delete",
  "1.0/createFunctionHandle": "createFunctionHandle",
  "storage/storeBlob": "storage.store",
  "storage/getBlob": "storage.get",
};

export function makeConvex(currentCall, bodies) {
  const inCall = () => {
    const call = currentCall();
    if (call === undefined) throw new Error("The Convex functions can only be used while an action runs.");
    return call;
  };
  const ask = (op, args) => inCall().request(NAMES[op] ?? op, op, args);

  const js = {
    requestFromConvexJson({ convexJson }) {
      const { httpRequest } = inCall();
      const { method } = httpRequest;
      const hasBody = httpRequest.body !== null && method !== "GET" && method !== "HEAD";
      return new Request(convexJson.url, {
        method,
        headers: convexJson.headerPairs,
        signal: httpRequest.signal,
        ...(hasBody ? { body: bodies.incoming(httpRequest.body, inCall().signal), duplex: "half" } : {}),
      });
    },

    convexJsonFromResponse({ response }) {
      if (!(response instanceof Response)) throw new Error("HTTP actions must return a Response");
      inCall().httpResponse = response;
      return { headerPairs: [...response.headers], status: response.status, streamId: null };
    },

    async "storage/storeBlob"({ blob, options }) {
      if (!(blob instanceof Blob)) {
        throw new Error(
          "store() expects a Blob. If you are trying to store a Request, `await request.blob()` will give you the " +
            "correct input.",
        );
      }
      const { signal } = inCall();
      const { body, send } = bodies.outgoing(blob.stream().getReader(), signal);
      const args = { body, size: blob.size, type: blob.type || null, sha256: options?.sha256 ?? null };
      const stored = ask("storage/storeBlob", JSON.stringify(args));
      // What it fails with is what the server says; the body is then not asked for any more.
      send().catch(() => {});
      return JSON.parse(await stored);
    },

    async "storage/getBlob"({ storageId }) {
      if (typeof storageId !== "string") {
        throw new Error(`storage.get requires a string storageId but received ${String(storageId)}`);
      }
      const found = JSON.parse(await ask("storage/getBlob", JSON.stringify({ storageId })));
      if (found === null) return null;
      const parts = [];
      for await (const part of bodies.incoming(found.body, inCall().signal)) parts.push(part);
      return new Blob(parts, { type: found.type ?? "" });
    },
  };

  return Object.freeze({
    syscall(op) {
      if (op === "1.0/componentArgument") throw new Error("Component arguments are not available within the app");
      throw new Error(`Unknown operation ${op}`);
    },
    asyncSyscall: async (op, args) => await ask(String(op), String(args)),
    jsSyscall(op, args) {
      if (!Object.hasOwn(js, op)) throw new Error(`Unknown JS syscall: ${op}`);
      return js[op](args);
    },
  });
}
