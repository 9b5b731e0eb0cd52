import { httpRouter } from "convex/server";
import { api } from "./_generated/api";
import type { Id } from "./_generated/dataModel";
import { httpAction } from "./_generated/server";

const http = httpRouter();

http.route({
  path: "/pictures",
  method: "POST",
  handler: httpAction(async (ctx, request) => {
    const storageId = await ctx.storage.store(await request.blob());
    const author = new URL(request.url).searchParams.get("author") ?? "somebody";
    await ctx.runMutation(api.pictures.save, { storageId, author });
    return Response.json({ storageId }, { headers: { "Access-Control-Allow-Origin": "*", Vary: "origin" } });
  }),
});

http.route({
  pathPrefix: "/pictures/",
  method: "GET",
  handler: httpAction(async (ctx, request) => {
    const storageId = new URL(request.url).pathname.split("/").at(-1) as Id<"_storage">;
    const blob = await ctx.storage.get(storageId);
    return blob === null ? new Response("There is no such picture.", { status: 404 }) : new Response(blob);
  }),
});

http.route({
  path: "/pictures",
  method: "OPTIONS",
  handler: httpAction(async (_, request) => {
    const asked = request.headers.get("Access-Control-Request-Method");
    const headers = new Headers({ "Access-Control-Allow-Origin": "*", "Access-Control-Max-Age": "600" });
    if (asked !== null) headers.append("Access-Control-Allow-Methods", asked);
    return new Response(null, { status: 204, headers });
  }),
});

export default http;
