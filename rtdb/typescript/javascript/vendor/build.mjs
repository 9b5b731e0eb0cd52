// `make vendor`: writes the *.js beside this file anew from the npm packages in node_modules. Each becomes one function
// that the realm calls when an app first needs it, and that returns what the package exports.

import { readFileSync, writeFileSync } from "node:fs";
import { buildSync } from "esbuild";

const here = import.meta.dirname;

function vendor(name, file, functionName, contents, origin) {
  const folder = `${here}/node_modules/${name}`;
  const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const license = readFileSync(`${folder}/LICENSE`, "utf8").trim().replaceAll("*/", "* /");
  const { outputFiles } = buildSync({
    stdin: { contents, resolveDir: here },
    bundle: true,
    format: "iife",
    globalName: "exported",
    legalComments: "none",
    platform: "browser",
    target: "es2024",
    write: false,
  });
  const notice = `${name} ${version} from npm (${origin}), bundled by build.mjs: do not edit.\n\n${license}`;
  const header = `/*\n${notice.replace(/^/gm, " * ").replace(/ +$/gm, "")}\n */\n`;
  const body = outputFiles[0].text.replace('"use strict";\n', "");
  writeFileSync(`${here}/${file}`, `${header}function ${functionName}() {\n${body}\nreturn exported;\n}\n`);
}

vendor(
  "object-inspect",
  "object_inspect.js",
  "vendoredObjectInspect",
  'export { default as inspect } from "object-inspect";',
  "https://github.com/inspect-js/object-inspect",
);
vendor(
  "web-streams-polyfill",
  "web_streams.js",
  "vendoredWebStreams",
  'export * from "web-streams-polyfill";',
  "https://github.com/MattiasBuelens/web-streams-polyfill",
);
