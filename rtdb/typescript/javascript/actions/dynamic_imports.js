// `import(…)` in a module's source, made a call of a function of ours.
//
// The hook that `node:vm` has for it (importModuleDynamically) keeps every module that was ever made with it: after 700
// calls a process had no memory left (Deno 2.9.8). The name has as many letters as `import`, so that every place in the
// source stays where the source map says it is.

// After these a slash begins a regular expression, and not a division.
const BEFORE_REGEXP = /(?:^|[(,=:[!&|?{};+\-*%<>~^\n]|\b(?:return|typeof|case|in|of|delete|void|throw|new|do|else|await|yield))\s*$/;
const IDENTIFIER_PART = /[\w$]/;
const LOOKING_BACK = 16;

// Return the source with each `import(…)` calling `name`, and whether there was any. Both null if it cannot be told for
// certain what is code and what is text.
export function replaceImports(source, name) {
  const found = places(source);
  if (found === null) return null;
  let text = "";
  let at = 0;
  for (const place of found) {
    text += source.slice(at, place) + name;
    at = place + "import".length;
  }
  return { source: text + source.slice(at), replaced: found.length > 0 };
}

function places(source) {
  const found = [];
  // Braces that are open: of a block, or of `${` in a template.
  const open = [];
  let at = 0;
  while (at < source.length) {
    const character = source[at];
    if (character === '"' || character === "'") at = quoteEnd(source, at, character);
    else if (character === "`" || (character === "}" && open.pop() === "`")) {
      at = templateEnd(source, at + 1);
      if (source[at - 1] === "{") open.push("`");
    } else if (character === "/" && source[at + 1] === "/") at = indexAfter(source, "\n", at);
    else if (character === "/" && source[at + 1] === "*") at = indexAfter(source, "*/", at + 2);
    else if (character === "/" && BEFORE_REGEXP.test(source.slice(Math.max(0, at - LOOKING_BACK), at))) {
      at = regexpEnd(source, at + 1);
    } else if (source.startsWith("import(", at) && !/[\w$.#]/.test(source[at - 1] ?? "")) {
      if (!isMethod(source, at + "import".length)) found.push(at);
      at += "import".length;
    } else if (IDENTIFIER_PART.test(character)) {
      while (at < source.length && IDENTIFIER_PART.test(source[at])) at += 1;
    } else {
      if (character === "{") open.push("{");
      at += 1;
    }
    if (at === -1) return null;
  }
  return found;
}

// What is a string goes on to the end of its line at most: what goes further is not understood here.
function quoteEnd(source, at, quote) {
  for (let end = at + 1; end < source.length; end += 1) {
    if (source[end] === "\\") end += 1;
    else if (source[end] === quote) return end + 1;
    else if (source[end] === "\n") return -1;
  }
  return -1;
}

// Return where a template goes over into code, after `${`, or ends.
function templateEnd(source, at) {
  for (let end = at; end < source.length; end += 1) {
    if (source[end] === "\\") end += 1;
    else if (source[end] === "`") return end + 1;
    else if (source[end] === "$" && source[end + 1] === "{") return end + 2;
  }
  return -1;
}

function regexpEnd(source, at) {
  let inClass = false;
  for (let end = at; end < source.length; end += 1) {
    const character = source[end];
    if (character === "\\") end += 1;
    else if (character === "\n") return -1;
    else if (character === "[") inClass = true;
    else if (character === "]") inClass = false;
    else if (character === "/" && !inClass) return end + 1;
  }
  return -1;
}

function indexAfter(source, text, at) {
  const index = source.indexOf(text, at);
  return index === -1 ? source.length : index + text.length;
}

// A method may have the name: `import(a) { … }`.
function isMethod(source, at) {
  let depth = 0;
  for (let end = at; end < source.length; end += 1) {
    const character = source[end];
    if (character === '"' || character === "'") {
      end = quoteEnd(source, end, character) - 1;
      if (end < 0) return false;
    } else if (character === "(") depth += 1;
    else if (character === ")" && (depth -= 1) === 0) return /^\)\s*\{/.test(source.slice(end, end + 80));
  }
  return false;
}
