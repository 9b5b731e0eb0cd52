/**
 * To and from the main application, which is written in Symfony.
 *
 * `SYMFONY_WEBHOOK_URL` is where events are forwarded to, `SYMFONY_WEBHOOK_SECRET` what both directions are signed with.
 */
import { internal } from "./_generated/api";
import { httpAction } from "./_generated/server";
import { SIGNATURE_HEADER, isSigned, sign } from "./signature";

const UPSTREAM_MS_MAX = 15_000;

/** `POST /sync`: forward `{"event": …, "data": …}`, signed, and answer with Symfony's status. */
export const syncToSymfony = httpAction(async (ctx, request) => {
  const deployKey = /^Bearer (\S+)$/.exec(request.headers.get("Authorization") ?? "")?.[1];
  const organizationId = deployKey && (await ctx.runQuery(internal.settings.organizationOfDeployKey, { deployKey }));
  if (!organizationId) {
    return problem(401, "UnknownDeployKey", "Send Authorization: Bearer and the deploy key of the platform settings.");
  }
  const message = await jsonOf(request);
  if (typeof message?.event !== "string") {
    return problem(400, "InvalidEvent", 'An event is {"event": "a name", "data": …}, in JSON.');
  }
  const { SYMFONY_WEBHOOK_URL: url, SYMFONY_WEBHOOK_SECRET: secret } = process.env;
  if (!url || !secret) {
    const missing = url ? "SYMFONY_WEBHOOK_SECRET" : "SYMFONY_WEBHOOK_URL";
    return problem(503, "WebhookNotConfigured", `${missing} is not set: npx convex env set ${missing} …`);
  }
  const body = JSON.stringify({ event: message.event, data: message.data ?? null, organizationId });
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", [SIGNATURE_HEADER]: await sign(body, secret, Date.now()) },
      body,
      // A redirect is an answer too: what was signed for one address is not sent to another.
      redirect: "manual",
      signal: AbortSignal.timeout(UPSTREAM_MS_MAX),
    });
    return new Response(null, { status: response.status });
  } catch (error) {
    console.error("Symfony did not answer:", String(error));
    if (error instanceof DOMException && error.name === "TimeoutError") {
      return problem(504, "SymfonyTimedOut", "Symfony did not answer in time. It may have taken the event.");
    }
    return problem(502, "SymfonyUnreachable", "Symfony could not be reached. Send the event again later.");
  }
});

/** `POST /webhooks/symfony`: a signed `{"event": "notification", "data": {userId, organizationId, title, message}}`. */
export const receiveFromSymfony = httpAction(async (ctx, request) => {
  const secret = process.env.SYMFONY_WEBHOOK_SECRET;
  if (!secret) {
    const missing = "SYMFONY_WEBHOOK_SECRET";
    return problem(503, "WebhookNotConfigured", `${missing} is not set: npx convex env set ${missing} …`);
  }
  // The signature is that of the body as it came, before anything reads it.
  const body = await request.text();
  if (!(await isSigned(body, request.headers.get(SIGNATURE_HEADER), secret, Date.now()))) {
    return problem(401, "InvalidSignature", `${SIGNATURE_HEADER} is missing, wrong, or more than five minutes old.`);
  }
  const message = await jsonOf(new Response(body));
  const { userId, organizationId, title, message: text } = message?.data ?? {};
  if (message?.event !== "notification" || ![userId, organizationId, title, text].every(isText)) {
    return problem(400, "InvalidEvent", "A notification has data with userId, organizationId, title and message.");
  }
  const notificationId = await ctx.runMutation(internal.notifications.deliver, {
    userId,
    organizationId,
    type: "message",
    title,
    message: text,
  });
  return Response.json({ notificationId }, { status: 201 });
});

function problem(status: number, code: string, message: string) {
  return Response.json({ code, message }, { status });
}

async function jsonOf(body: Request | Response): Promise<any> {
  try {
    return await body.json();
  } catch {
    return null;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
