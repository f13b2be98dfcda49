import type * as client from "@modelcontextprotocol/client";
import type * as stdio from "@modelcontextprotocol/client/stdio";

export type Sdk = typeof client & typeof stdio;

let loading: Promise<Sdk> | undefined;

/** The official client, imported on first use. */
export function loadSdk(): Promise<Sdk> {
  loading ??= Promise.all([import("@modelcontextprotocol/client"), import("@modelcontextprotocol/client/stdio")]).then(
    ([first, second]) => ({ ...first, ...second }),
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}
