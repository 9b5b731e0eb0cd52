/**
 * Webhooks are signed: `X-Convex-Signature: t=<seconds since 1970>,v1=<HMAC-SHA256 of "t.body", in hexadecimal>`.
 *
 * The time is part of what is signed, so that a request cannot be sent again much later.
 */
export const SIGNATURE_HEADER = "X-Convex-Signature";
const TOLERANCE_SECONDS = 300;

export async function sign(body: string, secret: string, nowMs: number) {
  const seconds = Math.floor(nowMs / 1000);
  const digest = await crypto.subtle.sign("HMAC", await keyOf(secret, "sign"), encoded(`${seconds}.${body}`));
  return `t=${seconds},v1=${hex(digest)}`;
}

/** Whether a body was signed with the secret, and lately. How long this takes says nothing about what is wrong. */
export async function isSigned(body: string, header: string | null, secret: string, nowMs: number) {
  const parts = (header ?? "").split(",").map((part) => part.trim().split("="));
  const time = parts.find(([name]) => name === "t")?.[1] ?? "";
  const fresh = /^\d{1,12}$/.test(time) && Math.abs(nowMs / 1000 - Number(time)) <= TOLERANCE_SECONDS;
  const key = await keyOf(secret, "verify");
  const matches = await Promise.all(
    parts
      .filter(([name]) => name === "v1")
      .slice(0, 4)
      .map(([, digest]) => crypto.subtle.verify("HMAC", key, bytesOf(digest ?? ""), encoded(`${time}.${body}`))),
  );
  return fresh && matches.includes(true);
}

export function hex(bytes: ArrayBuffer) {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytesOf(digits: string) {
  const pairs = /^([0-9a-f]{2})*$/i.test(digits) ? (digits.match(/../g) ?? []) : [];
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
}

async function keyOf(secret: string, use: "sign" | "verify") {
  return await crypto.subtle.importKey("raw", encoded(secret), { name: "HMAC", hash: "SHA-256" }, false, [use]);
}

function encoded(text: string) {
  return new TextEncoder().encode(text);
}
