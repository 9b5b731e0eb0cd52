// What one client says is sent to every client: no database, no queries, nothing but sockets. PORT is where it listens.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.env.PORT), perMessageDeflate: false });
server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data) => {
    const text = data.toString();
    for (const client of server.clients) client.send(text);
  });
});
server.on("listening", () => console.log("ready"));
