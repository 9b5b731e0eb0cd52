import { httpRouter } from "convex/server";
import { internal } from "./_generated/api";
import { httpAction } from "./_generated/server";

const http = httpRouter();

http.route({
  path: "/notes",
  method: "GET",
  handler: httpAction(async (ctx, request) => {
    const author = new URL(request.url).searchParams.get("author");
    if (author === null) return new Response("Whose?", { status: 400 });
    return Response.json(await ctx.runQuery(internal.notes.by, { author }));
  }),
});

http.route({
  path: "/notes",
  method: "POST",
  handler: httpAction(async (ctx, request) => {
    const form = (request.headers.get("Content-Type") ?? "").startsWith("application/x-www-form-urlencoded")
      ? Object.fromEntries(new URLSearchParams(await request.text()))
      : await request.json();
    const id = await ctx.runMutation(internal.notes.add, { author: form.author, text: form.text });
    return Response.json({ id }, { status: 201, headers: { Location: `/notes/${id}` } });
  }),
});

http.route({
  pathPrefix: "/notes/",
  method: "DELETE",
  handler: httpAction(async (ctx, request) => {
    const id = new URL(request.url).pathname.slice("/notes/".length);
    return new Response(null, { status: (await ctx.runMutation(internal.notes.remove, { id })) ? 204 : 404 });
  }),
});

// What is sent is read piece by piece, and goes back the same way, in capitals.
http.route({
  path: "/shout",
  method: "POST",
  handler: httpAction(async (_, request) => {
    const capitals = new TransformStream<string, string>({
      transform: (text, controller) => controller.enqueue(text.toUpperCase()),
    });
    const body = request.body!.pipeThrough(new TextDecoderStream()).pipeThrough(capitals);
    return new Response(body.pipeThrough(new TextEncoderStream()), { headers: { "Content-Type": "text/plain" } });
  }),
});

http.route({
  path: "/signed",
  method: "POST",
  handler: httpAction(async (_, request) => {
    const [algorithm, secret] = ["HMAC", new TextEncoder().encode("the demo's secret")];
    const key = await crypto.subtle.importKey("raw", secret, { name: algorithm, hash: "SHA-256" }, false, ["sign"]);
    const digest = await crypto.subtle.sign(algorithm, key, await request.arrayBuffer());
    return new Response(btoa(String.fromCharCode(...new Uint8Array(digest))));
  }),
});

http.route({
  path: "/broken",
  method: "GET",
  handler: httpAction(async () => {
    throw new Error("the handler gave up");
  }),
});

export default http;
