// Opens react_app.jsx in headless Chromium, and is driven from a test like driver.mjs: a JSON command a line in, a JSON
// event a line out.
//
//   node browser.mjs URL COUNTER
//
// Operations: click; act (run the action so many "times", and give its result); text (of the button); shown (all that was on it, in order); wait_text (for "text" to be on it).
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const [url, counter] = process.argv.slice(2);
const WAIT_MS = 20_000;

const bundle = await build({
  entryPoints: [fileURLToPath(new URL("react_app.jsx", import.meta.url))],
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
await page.setContent('<div id="root"></div>');
await page.evaluate((names) => Object.assign(window, names), { deployment: url, counter });
await page.addScriptTag({ content: bundle.outputFiles[0].text });

const button = page.locator("button");
const perform = {
  click: () => button.click(),
  act: ({ times }) => page.evaluate(([name, times]) => window.act({ name, times }), [counter, times]),
  text: () => button.textContent(),
  shown: () => page.evaluate(() => window.shown),
  wait_text: ({ text }) => button.filter({ hasText: new RegExp(`^${text}$`) }).waitFor({ timeout: WAIT_MS }),
};

const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  perform[command.op](command).then(
    (value) => say({ id: command.id, value: value ?? null }),
    (error) => say({ id: command.id, error: { name: error.name, message: error.message } }),
  );
});
lines.on("close", async () => {
  await browser.close();
  process.exit(0);
});
say({ ready: true });
