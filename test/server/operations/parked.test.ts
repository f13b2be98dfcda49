import { describe, expect, test } from "vitest";
import type { Reply } from "../../../src/testing/index.js";
import { type Emulated, type EmulatedOptions, framesOf, gate, readUntil, startEmulated } from "./emulated.js";

interface Call {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}
interface Assistant {
  role: "assistant";
  content: string | null;
  tool_calls?: Call[];
}

const tools = [
  { type: "function", function: { name: "read_file", parameters: { type: "object", properties: { path: { type: "string" } } } } },
];
const question = { role: "user", content: "What do the files say?" };

/** Presents after it has read so many files, all asked for at once. */
const reads = (...paths: string[]): EmulatedOptions => ({
  say: {
    present: (prompt): Reply => {
      const results = prompt.messages.filter(({ role }) => role === "tool").map(({ text }) => text);
      if (results.length > 0) return { text: `They say ${results.join(" and ")}.` };
      return { text: "Let me see.", toolCalls: paths.map((path) => ({ name: "read_file", input: { path } })) };
    },
  },
});

const result = ({ id }: Call, content: string) => ({ role: "tool", tool_call_id: id, content });

async function say(server: Emulated, messages: object[], body: object = {}, headers: Record<string, string> = {}) {
  const response = await server.chat({ tools, messages, ...body }, { headers });
  const json = (await response.json()) as {
    choices?: { message: Assistant; finish_reason: string }[];
    error?: { code: string; param: string; message: string };
  };
  return { status: response.status, error: json.error, message: json.choices?.[0]?.message, reason: json.choices?.[0]?.finish_reason };
}

const parked = (server: Emulated) => server.metric("massgen_runs_parked");
const running = (server: Emulated) => server.metric("massgen_runs_running");

describe("calls of a client's tools", () => {
  test("go out together; all results are needed, and then the same run goes on", async () => {
    const server = await startEmulated(reads("a", "b"));
    const first = await say(server, [question]);
    expect(first.reason).toBe("tool_calls");
    const calls = first.message!.tool_calls!;
    expect(calls.map((call) => call.function)).toEqual([
      { name: "read_file", arguments: '{"path":"a"}' },
      { name: "read_file", arguments: '{"path":"b"}' },
    ]);
    expect([await parked(server), await running(server)]).toEqual([1, 0]);
    const requests = server.emulator.requests.length;
    const half = await say(server, [question, first.message!, result(calls[0]!, "A")]);
    expect([half.status, half.error]).toMatchObject([400, { code: "missing_tool_results", param: "messages" }]);
    expect(half.error!.message).toContain(calls[1]!.id);
    expect([await parked(server), await running(server)]).toEqual([1, 0]);
    const whole = await say(server, [question, first.message!, result(calls[1]!, "B"), result(calls[0]!, "A")]);
    expect(whole.message!.content).toBe("They say A and B.");
    expect(server.emulator.requests).toHaveLength(requests + 1);
    expect([await parked(server), await running(server)]).toEqual([0, 0]);
  });

  test("go out one at a time where the client says so", async () => {
    const server = await startEmulated(reads("a", "b"));
    const one = { parallel_tool_calls: false };
    const first = await say(server, [question], one);
    expect(first.message!.tool_calls).toHaveLength(1);
    const requests = server.emulator.requests.length;
    const history = [question, first.message!, result(first.message!.tool_calls![0]!, "A")];
    const second = await say(server, history, one);
    expect(second.message!.tool_calls?.map((call) => call.function.arguments)).toEqual(['{"path":"b"}']);
    expect(server.emulator.requests).toHaveLength(requests);
    const last = await say(server, [...history, second.message!, result(second.message!.tool_calls![0]!, "B")], one);
    expect(last.message!.content).toBe("They say A and B.");
  });

  test("what the user adds after the results is read with them", async () => {
    const server = await startEmulated(reads("a"));
    const { message } = await say(server, [question]);
    const last = await say(server, [question, message!, result(message!.tool_calls![0]!, "A"), { role: "user", content: "Be brief." }]);
    expect(last.message!.content).toContain("Be brief.");
  });

  test("hold no place while they wait, and need one to go on", async () => {
    const server = await startEmulated({ ...reads("a"), server: { maxRuns: 1, maxQueued: 0 } });
    const { message } = await say(server, [question]);
    const other = await say(server, [question]);
    expect(other.reason).toBe("tool_calls");
    expect((await say(server, [question, message!, result(message!.tool_calls![0]!, "A")])).message!.content).toBe("They say A.");
  });
});

/** Asks for what parked runs are about once their run is gone: one presenting turn, of the agent that made the call. */
async function goesOnAlone(server: Emulated, message: Assistant, headers: Record<string, string> = {}) {
  const requests = server.emulator.requests.length;
  const last = await say(server, [question, message, result(message.tool_calls![0]!, "A")], {}, headers);
  expect(last.message!.content).toBe("They say A.");
  expect(server.emulator.requests.slice(requests).map(({ body }) => (body as { model: string }).model)).toEqual(["m1"]);
}

describe("a parked run", () => {
  test("is stopped when its time is over; its results begin one presenting turn", async () => {
    const server = await startEmulated({ ...reads("a"), server: { parkedTtlMs: 30 } });
    const { message } = await say(server, [question]);
    const requests = server.emulator.requests.length;
    while ((await parked(server)) !== 0);
    await goesOnAlone(server, message!);
    expect(server.emulator.requests).toHaveLength(requests + 1);
    expect(await running(server)).toBe(0);
  });

  test("does not go on by itself when the orchestrator's patience ends first", async () => {
    const server = await startEmulated({ ...reads("a"), team: { inputTimeoutMs: 30 } });
    const { message } = await say(server, [question]);
    const requests = server.emulator.requests.length;
    while ((await parked(server)) !== 0);
    expect(server.emulator.requests).toHaveLength(requests);
    await goesOnAlone(server, message!);
  });

  test("makes room when too many wait", async () => {
    const server = await startEmulated({ ...reads("a"), server: { maxParked: 1 } });
    const first = await say(server, [question]);
    const second = await say(server, [question]);
    expect(await parked(server)).toBe(1);
    const requests = server.emulator.requests.length;
    await goesOnAlone(server, first.message!);
    expect((await say(server, [question, second.message!, result(second.message!.tool_calls![0]!, "B")])).message!.content).toBe(
      "They say B.",
    );
    expect(server.emulator.requests).toHaveLength(requests + 2);
  });

  test("belongs to the key it was asked with", async () => {
    const server = await startEmulated({ ...reads("a"), server: { apiKeys: ["mine", "other"], openMetrics: true } });
    const { message } = await say(server, [question], {}, { "x-api-key": "mine" });
    await goesOnAlone(server, message!, { "x-api-key": "other" });
    expect(await parked(server)).toBe(1);
    const last = await say(server, [question, message!, result(message!.tool_calls![0]!, "A")], {}, { "x-api-key": "mine" });
    expect(last.message!.content).toBe("They say A.");
    expect(await parked(server)).toBe(0);
  });

  test("goes on once when its results come twice; the second time begins one presenting turn", async () => {
    const server = await startEmulated(reads("a"));
    const { message } = await say(server, [question]);
    const messages = [question, message!, result(message!.tool_calls![0]!, "A")];
    const both = await Promise.all([say(server, messages), say(server, messages)]);
    expect(both.map((each) => each.message!.content)).toEqual(["They say A.", "They say A."]);
    expect([await parked(server), await running(server)]).toEqual([0, 0]);
  });

  test("goes on waiting when its client has gone; one that goes away after it resumed takes it along", async () => {
    const never = gate();
    const { say: rules } = reads("a");
    const server = await startEmulated({
      say: {
        present: async (prompt, info) => {
          const reply = await rules!.present!(prompt, info);
          const resumed = prompt.messages.some(({ role }) => role === "tool");
          return resumed ? { ...(reply as Reply), hold: { afterChunks: 1, until: never.opened } } : reply;
        },
      },
    });
    const stream = await server.chat({ tools, messages: [question], stream: true });
    const frames = framesOf(await stream.text());
    expect(frames.at(-1)).toBe("[DONE]");
    const { message } = await say(server, [question]);
    expect(await parked(server)).toBe(2);
    const leave = new AbortController();
    const body = { tools, messages: [question, message!, result(message!.tool_calls![0]!, "A")], stream: true };
    const resumed = await server.chat(body, { signal: leave.signal });
    await readUntil(resumed.body!.getReader(), "They");
    leave.abort();
    expect(await server.emulator.requests.at(-1)!.closed).toBe("client-left");
    expect([await parked(server), await running(server)]).toEqual([1, 0]);
  });

  test("goes with the server", async () => {
    const server = await startEmulated(reads("a"));
    await say(server, [question]);
    const ended = new Promise<void>((resolve) => {
      void server.stop({ drainMs: 60_000 }).then(resolve);
    });
    await ended; // it does not wait for clients that may never come
  });
});
