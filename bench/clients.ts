import { BUILD } from "./build.js";
import { PEERS_BUILD, peerVersion, versionOf } from "./peers.js";
import { fileUrl } from "./processes.js";

/** A client under test: what its cases are given, and what it is compared with. */
export interface Client {
  name: string;
  args: { client: string } & Record<string, string>;
  /** The bare SDK of the same line; the client itself if it is one. */
  base: Client;
}

interface Pair {
  bare: Client;
  massgen: Client;
}

function pair(sdk: string, build: string, version: string): Pair {
  const bare = standard(`bare \`openai\` ${version}`, { client: fileUrl("bench/clients/openai.mjs"), sdk: fileUrl(sdk) });
  const args = { client: fileUrl("bench/clients/massgen.mjs"), massgen: fileUrl(`${build}/index.js`) };
  return { bare, massgen: { name: `massgen on \`openai\` ${version}`, args, base: bare } };
}

/** massgen and the SDK of the root install. */
export const ours = (): Pair => pair("bench/clients/sdk.mjs", BUILD, versionOf("openai"));

/** The SDK's newer line. */
export const newerLine = (): Pair => pair("bench/peers/sdk.mjs", PEERS_BUILD, peerVersion("openai"));

/** The other wires, each on its own SDK of the root install; Responses on the newer line as well where the peers are there. */
export function wires(withPeers: boolean): Client[] {
  const wire = (type: string, name: string, version: string, args: Client["args"], build = BUILD): Client[] => {
    const bare = standard(`bare \`${name}\` ${version}`, args);
    const own = { massgen: fileUrl(`${build}/index.js`), type };
    return [
      bare,
      { name: `massgen's backend \`${type}\` on ${version}`, args: { client: fileUrl("bench/clients/backend.mjs"), ...own }, base: bare },
      { name: "a run of one agent on it", args: { client: fileUrl("bench/clients/massgen.mjs"), ...own }, base: bare },
    ];
  };
  const responses = { client: fileUrl("bench/clients/responses.mjs") };
  return [
    ...wire("openai", "openai", versionOf("openai"), { ...responses, sdk: fileUrl("bench/clients/sdk.mjs") }),
    ...(withPeers
      ? wire("openai", "openai", peerVersion("openai"), { ...responses, sdk: fileUrl("bench/peers/sdk.mjs") }, PEERS_BUILD)
      : []),
    ...wire("claude", "@anthropic-ai/sdk", versionOf("@anthropic-ai/sdk"), { client: fileUrl("bench/clients/anthropic.mjs") }),
    ...wire("gemini", "@google/genai", versionOf("@google/genai"), { client: fileUrl("bench/clients/genai.mjs") }),
  ];
}

/** Other libraries, compared with `base`. */
export function peers(base: Client): Client[] {
  const peer = (name: string, file: string) => ({
    name: `\`${name}\` ${peerVersion(name)}`,
    args: { client: fileUrl(`bench/peers/${file}.mjs`) },
    base,
  });
  return [peer("ai", "ai"), peer("@openai/agents", "agents")];
}

/** Both without a wire. */
export function scripted(): Pair {
  const args = { massgen: fileUrl(`${BUILD}/index.js`), testing: fileUrl(`${BUILD}/testing/index.js`) };
  const bare = standard("the scripted backend by itself", { client: fileUrl("bench/clients/scripted-bare.mjs"), ...args });
  return { bare, massgen: { name: "massgen on it", args: { client: fileUrl("bench/clients/scripted.mjs"), ...args }, base: bare } };
}

/** massgen on the scripted backend, with logging to a file and tracing off and on. */
export function watched(): Client[] {
  const args = {
    client: fileUrl("bench/clients/telemetry.mjs"),
    massgen: fileUrl(`${BUILD}/index.js`),
    testing: fileUrl(`${BUILD}/testing/index.js`),
  };
  const off = standard("off", args);
  const on = (name: string, more: Record<string, string>): Client => ({ name, args: { ...args, ...more }, base: off });
  return [
    off,
    on("logging `info`", { logging: "info" }),
    on("logging `debug`", { logging: "debug" }),
    on("logging `trace`: a record per delta", { logging: "trace" }),
    on("logging `info`, pretty", { logging: "info", pretty: "yes" }),
    on("logging `debug`, pretty", { logging: "debug", pretty: "yes" }),
    on("logging `trace`, pretty", { logging: "trace", pretty: "yes" }),
    on("tracing", { tracing: "on" }),
    on("tracing with content", { tracing: "content" }),
    on("tracing and logging `info`", { tracing: "on", logging: "info" }),
  ];
}

/** A client that others are compared with. */
function standard(name: string, args: Client["args"]): Client {
  const client: Omit<Client, "base"> & Partial<Client> = { name, args };
  return Object.assign(client, { base: client as Client });
}
