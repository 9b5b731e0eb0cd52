// The same transfer for calls that share a context: their module state outlives them.

export const experimental_reuseContext = true;
export { transfer } from "./transfer";
