// Opens an app in headless Chromium, and is driven from a test like driver.mjs: a JSON command a line in, a JSON event a
// line out.
//
//   node browser.mjs URL APP SUBJECT           (APP: a react_*.jsx; SUBJECT: what it shows)
//
// Operations: choose (a file with a "name", a "type" and "data" in base64); part (what comes of a
// request for a "range" of the newest file); click (the button); act (run the action so many "times", and give its result); shown (all that was on the
// page, in order); wait_text (for "text" to be all there is in the first "element"); queries (the arguments of every query
// that was subscribed to).
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { serveCommands } from "./commands.mjs";

const [url, app, subject] = process.argv.slice(2);
const WAIT_MS = 20_000;

const bundle = await build({
  entryPoints: [fileURLToPath(new URL(app, import.meta.url))],
  bundle: true,
  write: false,
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"development"' },
});
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const page = await browser.newPage();
page.on("pageerror", (error) => console.error(error));
const queries = [];
page.on("websocket", (socket) =>
  socket.on("framesent", ({ payload }) => {
    const { type, modifications } = JSON.parse(payload);
    if (type !== "ModifyQuerySet") return;
    for (const { type, args } of modifications) if (type === "Add") queries.push(args[0]);
  }),
);
await page.setContent('<div id="root"></div>');
await page.evaluate((names) => Object.assign(window, names), { deployment: url, subject });
await page.addScriptTag({ content: bundle.outputFiles[0].text });

const perform = {
  choose: ({ name, type, data }) =>
    page.locator("input").setInputFiles({ name, mimeType: type, buffer: Buffer.from(data, "base64") }),
  part: ({ range }) => page.evaluate((range) => window.part(range), range),
  click: () => page.locator("button").click(),
  act: ({ times }) => page.evaluate(([name, times]) => window.act({ name, times }), [subject, times]),
  shown: () => page.evaluate(() => window.shown),
  wait_text: ({ element, text }) =>
    page
      .locator(element)
      .filter({ hasText: new RegExp(`^${text.replaceAll(".", "\\.")}$`) })
      .waitFor({ timeout: WAIT_MS }),
  queries: async () => queries,
};

serveCommands(perform, () => browser.close());
