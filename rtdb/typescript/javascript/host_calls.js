// What realm.js calls of the host that has nothing to do with an execution: the parts of the web platform that are long
// and that this process has anyway. Strings, numbers, booleans and undefined in and out; bytes are binary strings, with
// a character for each. None of these throws for anything that an app's code can cause.

import { AsyncLocalStorage } from "node:async_hooks";
import { cryptoCall } from "./host_crypto.js";

const URL_PARTS = [
  "href",
  "origin",
  "protocol",
  "username",
  "password",
  "host",
  "hostname",
  "port",
  "pathname",
  "search",
  "hash",
];
const SETTABLE_PARTS = new Set(URL_PARTS.filter((part) => part !== "origin"));

const partsOf = (url) => JSON.stringify(Object.fromEntries(URL_PARTS.map((part) => [part, url[part]])));

function attempt(run, otherwise) {
  try {
    return run();
  } catch {
    return otherwise;
  }
}

const asyncState = new AsyncLocalStorage();

export const hostCalls = {
  monotonic: () => performance.now(),

  getAsyncState: () => asyncState.getStore() ?? 0,
  setAsyncState(number) {
    asyncState.enterWith(number);
  },

  parseUrl: (text, base) => attempt(() => partsOf(new URL(text, base)), ""),
  changeUrl: (href, part, text) =>
    attempt(() => {
      const url = new URL(href);
      if (SETTABLE_PARTS.has(part)) url[part] = text;
      return partsOf(url);
    }, ""),
  parseForm: (text) => JSON.stringify([...new URLSearchParams(text)]),
  writeForm: (json) => new URLSearchParams(JSON.parse(json)).toString(),

  encodingName: (label) => attempt(() => new TextDecoder(label).encoding, ""),
  decode: (name, fatal, binary, isLast) =>
    attempt(() => {
      const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
      return new TextDecoder(name, { fatal, ignoreBOM: true }).decode(bytes, { stream: !isLast });
    }, undefined),

  crypto: (operation, json) => cryptoCall(operation, json),
};
