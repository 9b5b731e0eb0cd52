// Parse Server with LiveQuery in one process, as its documentation sets it up. PORT and DATABASE say where it is and where
// its PostgreSQL is. Clients may create objects of the class Message and subscribe to them.
import http from "node:http";
import express from "express";
import { ParseServer } from "parse-server";

const port = Number(process.env.PORT);
const parse = new ParseServer({
  databaseURI: process.env.DATABASE,
  appId: "bench",
  masterKey: "bench-master",
  serverURL: `http://127.0.0.1:${port}/parse`,
  allowClientClassCreation: true,
  liveQuery: { classNames: ["Message"] },
  logLevel: "error",
  silent: true,
});
await parse.start();
const app = express();
app.use("/parse", parse.app);
const server = http.createServer(app);
// A connection waits for its next request as long as ours do.
server.keepAliveTimeout = 60_000;
server.listen(port, "127.0.0.1", () => console.log("ready"));
await ParseServer.createLiveQueryServer(server, { appId: "bench", logLevel: "error" });
