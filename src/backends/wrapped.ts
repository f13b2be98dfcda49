import type { Backend } from "./backend.js";

/** What a wrapper may do otherwise. */
type Own = Pick<Backend, "stream"> & Pick<Partial<Backend>, "countTokens" | "compact">;

/** A backend that makes its steps as `own` says; all else is that of `backend`, whose model and capabilities may still come to be known. */
export function wrapped(backend: Backend, own: Own): Backend {
  const { countTokens, compact, listModels, close } = backend;
  // What our own backends say of where they are and whose price they have.
  const { baseUrl, baseModel } = backend as { baseUrl?: string; baseModel?: string };
  return {
    ...(baseUrl !== undefined && { baseUrl }),
    ...(baseModel !== undefined && { baseModel }),
    get type() {
      return backend.type;
    },
    get model() {
      return backend.model;
    },
    get capabilities() {
      return backend.capabilities;
    },
    ...(countTokens && { countTokens: countTokens.bind(backend) }),
    ...(compact && { compact: compact.bind(backend) }),
    ...(listModels && { listModels: listModels.bind(backend) }),
    ...(close && { close: close.bind(backend) }),
    ...own,
  };
}
