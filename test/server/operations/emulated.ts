import { onTestFinished } from "vitest";
import { Orchestrator, type OrchestratorOptions } from "../../../src/index.js";
import { type RequestRecord, type RunningServer, type ServeOptions, serve } from "../../../src/server/index.js";
import { type EmulatedPrompt, type Emulator, type Reply, type RuleInfo, startEmulator } from "../../../src/testing/index.js";
import { phaseOf } from "../helpers.js";

export interface Emulated extends RunningServer {
  emulator: Emulator;
  orchestrator: Orchestrator;
  records: readonly RequestRecord[];
  /** Resolves as soon as that many requests are over. */
  logged(count: number): Promise<readonly RequestRecord[]>;
  /** A request to the chat completions of the team. */
  chat(body?: object, init?: { headers?: Record<string, string>; signal?: AbortSignal }): Promise<Response>;
  /** A figure of `/metrics`. */
  metric(line: string): Promise<number | undefined>;
}

export type Phase = "draft" | "evaluate" | "present";
type Rule = (prompt: EmulatedPrompt, info: RuleInfo) => Reply | string | Promise<Reply | string>;

export interface EmulatedOptions {
  agents?: number;
  /** What models say in a phase, else: a draft, a vote for agent1, and `Final words.` */
  say?: Partial<Record<Phase, Rule>>;
  server?: Partial<ServeOptions>;
  team?: Partial<OrchestratorOptions>;
}

/** A server whose agents ask an emulated provider over HTTP. Models are called m1, m2, … */
export async function startEmulated({ agents = 2, say = {}, server, team }: EmulatedOptions = {}): Promise<Emulated> {
  const emulator = await startEmulator({
    respond: (prompt, info) => {
      const phase = phaseOf(prompt.tools);
      const rule = say[phase];
      if (rule !== undefined) return rule(prompt, info);
      if (phase === "draft") return { toolCalls: [{ name: "new_answer", input: { content: `A draft of ${prompt.model}.` } }] };
      if (phase === "evaluate") return { toolCalls: [{ name: "vote", input: { agent_id: "agent1", reason: "It is the best." } }] };
      return "Final words.";
    },
  });
  const orchestrator = new Orchestrator({
    agents: Array.from({ length: agents }, (_, i) => ({
      id: `a${i + 1}`,
      backend: { type: "vllm" as const, model: `m${i + 1}`, baseUrl: emulator.baseUrl },
    })),
    ...team,
  });
  const records: RequestRecord[] = [];
  let waiting: { count: number; resolve(): void }[] = [];
  const running = await serve({
    models: { team: orchestrator },
    port: 0,
    drainMs: 0,
    log: (record) => {
      records.push(record);
      waiting = waiting.filter(({ count, resolve }) => {
        if (records.length < count) return true;
        resolve();
        return false;
      });
    },
    ...server,
  });
  onTestFinished(async () => {
    await running.stop({ drainMs: 0 });
    await orchestrator.close();
    await emulator.close();
  });
  return {
    ...running,
    emulator,
    orchestrator,
    records,
    logged: (count) =>
      new Promise((resolve) => {
        if (records.length >= count) resolve(records);
        else waiting.push({ count, resolve: () => resolve(records) });
      }),
    chat: (body = {}, { headers = {}, signal } = {}) =>
      fetch(`${running.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ model: "team", messages: [{ role: "user", content: "Which index fits?" }], ...body }),
        ...(signal !== undefined && { signal }),
      }),
    metric: async (line) => {
      const text = await (await fetch(`${running.url}/metrics`)).text();
      const found = text.split("\n").find((each) => each.startsWith(`${line} `));
      return found === undefined ? undefined : Number(found.slice(line.length));
    },
  };
}

/** The text of a chat completion that comes whole. */
export async function textOf(response: Response): Promise<string | undefined> {
  const body = (await response.json()) as { choices?: { message: { content: string } }[] };
  return body.choices?.[0]?.message.content;
}

export interface Frame {
  choices?: { delta: { content?: string }; finish_reason: string | null }[];
  error?: { message: string; code: string };
}

/** The data frames of a stream, parsed; comments and `[DONE]` as they are. */
export function framesOf(stream: string): (string | Frame)[] {
  return stream
    .split("\n\n")
    .filter((frame) => frame !== "")
    .map((frame) => {
      const data = frame.startsWith("data: ") ? frame.slice(6) : frame;
      return data.startsWith("{") ? JSON.parse(data) : data;
    });
}

/** The content that chunks of a chat completion carry. */
export function contentOf(stream: string): string {
  return framesOf(stream)
    .map((frame) => (typeof frame === "string" ? "" : (frame.choices?.[0]?.delta.content ?? "")))
    .join("");
}

/** Reads until the text holds `wanted`; the reader is given back to go on with. */
export async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, wanted: string): Promise<string> {
  const decoder = new TextDecoder();
  for (let text = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`The stream ended without ${wanted}: ${text}`);
    text += decoder.decode(value, { stream: true });
    if (text.includes(wanted)) return text;
  }
}

/** A promise and what settles it. */
export function gate(): { open(): void; opened: Promise<void> } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}
