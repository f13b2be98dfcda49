import type { Backend } from "../../backends/backend.js";

/** Windows that overflows have told of. */
const learned = new WeakMap<Backend, number>();
/** What a refusal names below this is no window of a model. */
const SMALLEST_WINDOW = 256;

export function learnWindow(backend: Backend, tokens: number): void {
  if (tokens >= SMALLEST_WINDOW) learned.set(backend, tokens);
}

/** The window of the backend's model, as far as it is known without asking. */
export const knownWindow = (backend: Backend): number | undefined => learned.get(backend) ?? backend.capabilities.contextWindow;
