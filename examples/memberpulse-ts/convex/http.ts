/** The HTTP routes: what other systems send here. */
import { httpRouter } from "convex/server";
import { receiveFromSymfony, syncToSymfony } from "./sync";

const http = httpRouter();

http.route({ path: "/sync", method: "POST", handler: syncToSymfony });
http.route({ path: "/webhooks/symfony", method: "POST", handler: receiveFromSymfony });

export default http;
