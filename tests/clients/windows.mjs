// Drives an app's own front end in headless Chromium: any number of windows, each with cookies and storage of its own,
// used as a person does, by the roles and names that a screen reader would read out. A JSON command a line in, a JSON
// event a line out; tests/e2e/windows.py is the other side.
//
//   {"id": 1, "op": "open", "window": "ada", "url": "http://…"}            → {"id": 1, "value": null}
//   {"id": 2, "op": "click", "window": "ada", "role": "button", "name": "Send"}
//
// Operations on a window: open (a "url"; "width", "height", "dark" and "still" if wanted); close; click (a "role" with a
// "name"); fill (what has a "label" with a "value"); select; choose ("files" in base64, for what has a "label"); press (a
// "key"); wait (for a "role" with a "name" to be there, with a "text" in it if given, or "gone": not to be); text (of it);
// progress (the values of a progress bar until it goes away); slow_uploads (to so many "bytes" a second); screenshot (into
// "path"); complaints (what the page has written to the console as an error); barriers (what axe finds on the page that
// keeps people from using it).
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serveCommands } from "./commands.mjs";

const WAIT_MS = 20_000;
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const windows = new Map();
const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

const found = ({ window, role, name }) => windows.get(window).page.getByRole(role, { name, exact: true });
const labelled = ({ window, label }) => windows.get(window).page.getByLabel(label, { exact: true });

async function open({ window, url, width = 1280, height = 860, dark = false, still = false }) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: still ? "reduce" : "no-preference",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  windows.set(window, { page, complaints });
  await page.goto(url);
}

// From inside the page, where no value is missed: what the bar showed, until it is taken away.
const valuesOf = (bar) =>
  new Promise((resolve) => {
    const values = [bar.value];
    const timer = setInterval(() => {
      if (!bar.isConnected) return clearInterval(timer), resolve(values);
      if (values.at(-1) !== bar.value) values.push(bar.value);
    }, 5);
  });

const perform = {
  open,
  close: ({ window }) => windows.get(window).page.context().close(),
  click: (command) => found(command).click(),
  fill: (command) => labelled(command).fill(command.value),
  select: ({ window, label, value }) => found({ window, role: "combobox", name: label }).selectOption(value),
  choose: (command) =>
    labelled(command).setInputFiles(
      command.files.map(({ name, type, data }) => ({ name, mimeType: type, buffer: Buffer.from(data, "base64") })),
    ),
  press: ({ window, key }) => windows.get(window).page.keyboard.press(key),
  wait: async (command) => {
    const element = command.text === undefined ? found(command) : found(command).filter({ hasText: command.text });
    await element.first().waitFor({ state: command.gone ? "detached" : "visible" });
  },
  text: (command) => found(command).innerText(),
  progress: (command) => found({ ...command, role: "progressbar" }).evaluate(valuesOf),
  slow_uploads: async ({ window, bytes }) => {
    const { page } = windows.get(window);
    const session = await page.context().newCDPSession(page);
    const speed = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes };
    await session.send("Network.emulateNetworkConditions", speed);
  },
  screenshot: ({ window, path }) => windows.get(window).page.screenshot({ path, animations: "disabled" }),
  barriers: async ({ window }) => {
    const { page } = windows.get(window);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run());
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("; ")}`);
  },
  complaints: async ({ window }) => windows.get(window).complaints,
};

serveCommands(perform, () => browser.close());
