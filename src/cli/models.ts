import type { ModelInfo } from "../backends/backend.js";
import { backendInfo, backendInfos } from "../backends/capabilities.js";
import type { BackendConfig } from "../backends/create-backend.js";
import { listModels, type ModelList } from "../backends/list-models.js";
import { presets } from "../backends/presets.js";
import { ConfigError, errorInfo, MassGenError } from "../errors.js";
import { EXIT, type Io } from "./io.js";

type Type = BackendConfig["type"];

/** Of whom the program tells when nothing is set. */
const BUNDLED: readonly Type[] = ["openai", "claude", "gemini", "grok"];

/** Prints the models of the backends that are named, else of those whose key or address is in the environment. */
export async function printModels(specs: readonly string[] | undefined, json: boolean, io: Io): Promise<number> {
  const types = specs === undefined ? known(io.env) : [...new Set(specs.map(typeOf))];
  const stop = new AbortController();
  const off = io.onInterrupt(() => stop.abort("interrupted"));
  let failed = 0;
  try {
    const lists = types.map((type) => listModels({ type }, { signal: stop.signal }));
    for (const list of lists) list.catch(() => {});
    for (const [index, type] of types.entries()) {
      try {
        const list = (await lists[index]) as ModelList;
        io.stdout.write(json ? `${JSON.stringify({ type, ...list })}\n` : text(type, list));
      } catch (error) {
        if (stop.signal.aborted) return EXIT.interrupted;
        if (!(error instanceof MassGenError)) throw error;
        failed++;
        io.stderr.write(`massgen: ${type}: ${errorInfo(error).message}\n`);
      }
    }
    return failed === 0 ? EXIT.ok : EXIT.execution;
  } finally {
    off();
  }
}

function typeOf(spec: string): Type {
  const type = spec.split(":", 1)[0] as string;
  if (backendInfo(type)) return type as Type;
  const all = backendInfos.map((info) => info.type).join(", ");
  throw new ConfigError("unknown_backend", `There is no backend type "${type}". Take one of ${all}.`, { path: "type" });
}

function known(env: Io["env"]): readonly Type[] {
  const set = backendInfos.filter(({ type, keyEnv, local }) => {
    // The same key is `openai`'s.
    if (type === "chatcompletion") return Boolean(env.OPENAI_BASE_URL);
    if (local) return Boolean(env[presets[type as "vllm"].baseUrlEnv]);
    return keyEnv.some((name) => env[name]);
  });
  return set.length > 0 ? set.map(({ type }) => type as Type) : BUNDLED;
}

function text(type: string, { models, source, asOf, error }: ModelList): string {
  const day = new Date(asOf).toISOString().slice(0, 10);
  const from = { live: "live", cache: "live", stale: `of ${day}`, bundled: `bundled, of ${day}` }[source];
  const why = error ? `  (${error.message})\n` : "";
  const width = Math.max(0, ...models.map(({ id }) => id.length));
  return `${type}: ${models.length} models, ${from}\n${why}${models.map((model) => line(model, width)).join("")}\n`;
}

function line({ id, contextWindow, tools }: ModelInfo, width: number): string {
  const facts = [
    contextWindow === undefined ? "" : `${contextWindow.toLocaleString("en-US")} tokens`,
    tools === false ? "takes no tools" : "",
  ].filter(Boolean);
  return `  ${facts.length > 0 ? `${id.padEnd(width)}  ${facts.join(", ")}` : id}\n`;
}
