// Instead of the packages with the types of Node and of ws.
declare module "node:crypto";
declare module "node:fs";
declare module "ws";
declare const process: { env: Record<string, string | undefined>; versions: { node: string } };
