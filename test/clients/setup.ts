import { fileURLToPath } from "node:url";
import { installLocked } from "../../scripts/npm.mjs";

/** Installs the client libraries from the lockfile here, unless they are there already; without a network the tests say why they skip. */
export default function setup({ provide }: { provide(key: "clientsMissing", value: string): void }): void {
  try {
    installLocked(fileURLToPath(new URL(".", import.meta.url)));
    provide("clientsMissing", "");
  } catch (error) {
    const why = `the client libraries could not be installed: ${(error as Error).message.slice(0, 500)}`;
    console.log(`clients: skipped, ${why}`);
    provide("clientsMissing", why);
  }
}

declare module "vitest" {
  interface ProvidedContext {
    /** Why the client libraries are absent; empty when they are there. */
    clientsMissing: string;
  }
}
