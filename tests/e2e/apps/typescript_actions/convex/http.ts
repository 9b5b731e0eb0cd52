import { httpRouter } from "convex/server";
import { api, internal } from "./_generated/api";
import { httpAction } from "./_generated/server";

const http = httpRouter();

http.route({
  path: "/hello",
  method: "GET",
  handler: httpAction(async (ctx, request) => {
    const name = new URL(request.url).searchParams.get("name");
    const headers = new Headers({ "content-type": "text/plain" });
    headers.append("set-cookie", "a=1");
    headers.append("set-cookie", "b=2");
    return new Response(`hello ${name}`, { headers });
  }),
});

http.route({
  path: "/tasks",
  method: "POST",
  handler: httpAction(async (ctx, request) => {
    const { name } = await request.json();
    await ctx.runMutation(internal.tasks.add, { name });
    return Response.json(await ctx.runQuery(api.tasks.names), { status: 201 });
  }),
});

http.route({
  pathPrefix: "/echo/",
  method: "PUT",
  handler: httpAction(async (ctx, request) => new Response(request.body, { headers: { "x-path": request.url } })),
});

// Does not answer before its client has gone away.
http.route({
  path: "/patient",
  method: "GET",
  handler: httpAction(async (ctx, request) => {
    await ctx.runMutation(internal.tasks.add, { name: "patient" });
    if (!request.signal.aborted) await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    await ctx.runMutation(internal.tasks.add, { name: "client gone" });
    return new Response("nobody reads this");
  }),
});

// Says "tick" until its client goes away, and then writes that down.
http.route({
  path: "/ticks",
  method: "GET",
  handler: httpAction(async (ctx) => {
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        controller.enqueue(encoder.encode("tick\n"));
      },
      async cancel() {
        await ctx.runMutation(internal.tasks.add, { name: "ticks cancelled" });
      },
    });
    return new Response(body);
  }),
});

http.route({
  path: "/file",
  method: "POST",
  handler: httpAction(async (ctx, request) => {
    const id = await ctx.storage.store(await request.blob());
    return Response.json({ id, url: await ctx.storage.getUrl(id) });
  }),
});

http.route({
  path: "/fails",
  method: "GET",
  handler: httpAction(async () => {
    throw new Error("no answer");
  }),
});

http.route({
  path: "/fails-late",
  method: "GET",
  handler: httpAction(async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("begun"));
      },
      pull() {
        throw new Error("broke off");
      },
    });
    return new Response(body);
  }),
});

http.route({
  path: "/flood",
  method: "GET",
  handler: httpAction(async () => {
    const chunk = new Uint8Array(1_000_000);
    return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }));
  }),
});

http.route({
  path: "/nothing",
  method: "GET",
  handler: httpAction(async () => "nothing" as unknown as Response),
});

export default http;
