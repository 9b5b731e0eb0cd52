// What was thrown, as data: the parent finds the frames in the author's files and makes the text.

const convexError = Symbol.for("ConvexError");

// Where modules lie in files: frames are to name them as if they did not.
let directory = null;

export function modulesAreIn(url) {
  directory = url;
}

export function describe(error) {
  const described = { name: null, message: "", stack: "" };
  try {
    if (error instanceof Error || (typeof error === "object" && error !== null && "stack" in error)) {
      described.name = String(error.name);
      described.message = String(error.message);
      described.stack = directory === null ? String(error.stack) : String(error.stack).replaceAll(directory, "convex:/");
      if (error[error.ConvexErrorSymbol] === true || error[convexError] === true) described.data = String(error.data);
    } else {
      described.message = typeof error === "object" && error !== null ? "#<Object>" : String(error);
    }
  } catch {
    described.message = "(the error could not be read)";
  }
  return JSON.stringify(described);
}

// What the app's code asked for cannot be: the message is all there is to say, without a name and without frames.
export class Refused extends Error {}
