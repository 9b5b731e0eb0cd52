// The script that makes a context a place for an app's code: the files of realm/, joined. What it is given and what it
// gives back stands in realm/primordials.js and realm/control.js; what it calls of the host beside what an execution
// answers is in host_calls.js.

import asyncContext from "./realm/async_context.js" with { type: "text" };
import blob from "./realm/blob.js" with { type: "text" };
import body from "./realm/body.js" with { type: "text" };
import clock from "./realm/clock.js" with { type: "text" };
import console_ from "./realm/console.js" with { type: "text" };
import control from "./realm/control.js" with { type: "text" };
import convex from "./realm/convex.js" with { type: "text" };
import crypto from "./realm/crypto.js" with { type: "text" };
import encoding from "./realm/encoding.js" with { type: "text" };
import events from "./realm/events.js" with { type: "text" };
import forbidden from "./realm/forbidden.js" with { type: "text" };
import formData from "./realm/form_data.js" with { type: "text" };
import headers from "./realm/headers.js" with { type: "text" };
import intrinsics from "./realm/intrinsics.js" with { type: "text" };
import phase from "./realm/phase.js" with { type: "text" };
import primordials from "./realm/primordials.js" with { type: "text" };
import process from "./realm/process.js" with { type: "text" };
import random from "./realm/random.js" with { type: "text" };
import request from "./realm/request.js" with { type: "text" };
import streams from "./realm/streams.js" with { type: "text" };
import structuredClone_ from "./realm/structured_clone.js" with { type: "text" };
import url from "./realm/url.js" with { type: "text" };
import objectInspect from "./vendor/object_inspect.js" with { type: "text" };
import webStreams from "./vendor/web_streams.js" with { type: "text" };

// A file may use what those before it declare at once, and what those after it declare later.
const parts = [
  primordials,
  intrinsics,
  phase,
  clock,
  random,
  console_,
  process,
  convex,
  forbidden,
  asyncContext,
  events,
  encoding,
  url,
  structuredClone_,
  streams,
  blob,
  formData,
  headers,
  body,
  request,
  crypto,
  objectInspect,
  webStreams,
  control,
];

export default `(function boot(host) {\n"use strict";\n${parts.join("\n")}\nreturn control;\n})`;
