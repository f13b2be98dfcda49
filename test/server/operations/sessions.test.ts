import { describe, expect, test } from "vitest";
import type { EmulatedPrompt } from "../../../src/testing/index.js";
import { type Emulated, gate, readUntil, startEmulated, textOf } from "./emulated.js";

/** Says what it was told. */
const recites = ({ messages }: EmulatedPrompt) =>
  messages
    .filter(({ role }) => role !== "system")
    .map(({ role, text }) => `${role}: ${text}`)
    .join(" | ");

const ask = (server: Emulated, content: string, session?: string, body: object = {}) =>
  server.chat({ messages: [{ role: "user", content }], ...body }, { headers: session === undefined ? {} : { "x-session-id": session } });

const start = (server: object = { sessions: true }) => startEmulated({ agents: 1, server, say: { present: recites } });

describe("a session", () => {
  test("goes on by its header, streamed or whole, and keeps to itself", async () => {
    const server = await start();
    expect(await textOf(await ask(server, "One?", "s1"))).toBe("user: One?");
    await (await ask(server, "Two?", "s1", { stream: true })).text();
    expect(await textOf(await ask(server, "Other?", "s2"))).toBe("user: Other?");
    const third = await textOf(await ask(server, "Three?", "s1"));
    expect(third).toBe(
      "user: One? | assistant: user: One? | user: Two? | assistant: user: One? | assistant: user: One? | user: Two? | user: Three?",
    );
    expect(await textOf(await ask(server, "Nobody?"))).toBe("user: Nobody?");
    expect(await textOf(await ask(server, "Blank?", " "))).toBe("user: Blank?");
    expect(await textOf(await ask(server, "Blank again?", " "))).toBe("user: Blank again?");
  });

  test("goes on by `user` where there is no header, and never across keys", async () => {
    const server = await start({ sessions: true, apiKeys: ["k1", "k2"] });
    const as = (key: string, content: string) =>
      server.chat({ messages: [{ role: "user", content }], user: "me" }, { headers: { "x-api-key": key } }).then(textOf);
    expect(await as("k1", "One?")).toBe("user: One?");
    expect(await as("k2", "Two?")).toBe("user: Two?");
    expect(await as("k1", "Three?")).toBe("user: One? | assistant: user: One? | user: Three?");
  });

  test("is off by default", async () => {
    const server = await start({});
    await ask(server, "One?", "s1").then(textOf);
    expect(await textOf(await ask(server, "Two?", "s1"))).toBe("user: Two?");
  });

  test("takes one request at a time; one that fails or is left unread frees it and changes nothing", async () => {
    const wait = gate();
    let fails = false;
    const server = await startEmulated({
      agents: 1,
      server: { sessions: true },
      say: {
        present: (prompt) => {
          if (fails) return { fault: { type: "status", status: 400 } };
          const text = recites(prompt);
          return text.includes("Slow") ? { text, hold: { afterChunks: 1, until: wait.opened } } : text;
        },
      },
    });
    await ask(server, "One?", "s").then(textOf);
    const leave = new AbortController();
    const headers = { "x-session-id": "s" };
    const slow = await server.chat({ messages: [{ role: "user", content: "Slow?" }], stream: true }, { headers, signal: leave.signal });
    await readUntil(slow.body!.getReader(), "user");
    const busy = await ask(server, "Two?", "s");
    expect([busy.status, await busy.json()]).toMatchObject([409, { error: { code: "session_busy" } }]);
    leave.abort();
    await server.logged(3);
    fails = true;
    expect((await ask(server, "Three?", "s")).status).toBeGreaterThanOrEqual(400);
    fails = false;
    expect(await textOf(await ask(server, "Four?", "s"))).toBe("user: One? | assistant: user: One? | user: Four?");
    wait.open();
  });

  test("is forgotten after its time, and when there are too many", async () => {
    const brief = await start({ sessions: { ttlMs: 1 } });
    await ask(brief, "One?", "s").then(textOf);
    let said: string | undefined;
    do said = await textOf(await ask(brief, "Two?", "s"));
    while (said !== "user: Two?");
    const few = await start({ sessions: { max: 1 } });
    for (const session of ["a", "b"]) await ask(few, "One?", session).then(textOf);
    expect(await textOf(await ask(few, "Two?", "a"))).toBe("user: Two?");
  });

  test("hands out calls of the client's tools and takes their results", async () => {
    const server = await startEmulated({
      agents: 1,
      server: { sessions: true },
      say: {
        present: (prompt) =>
          prompt.messages.some(({ role }) => role === "tool") ? recites(prompt) : { toolCalls: [{ name: "look", input: {} }] },
      },
    });
    const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];
    const headers = { "x-session-id": "s" };
    const first = await server.chat({ messages: [{ role: "user", content: "Look!" }], tools }, { headers });
    const { choices } = (await first.json()) as { choices: { message: { tool_calls: { id: string }[] } }[] };
    const { message } = choices[0]!;
    const messages = [message, { role: "tool", tool_call_id: message.tool_calls[0]!.id, content: "A lamp." }];
    expect(await textOf(await server.chat({ messages, tools }, { headers }))).toContain("tool: A lamp.");
    // The whole conversation is kept, the call and its result too.
    const last = await server.chat({ messages: [{ role: "user", content: "And?" }], tools }, { headers });
    expect(await textOf(last)).toMatch(/Look!.*A lamp\..*And\?/);
    const { messages: kept } = server.emulator.requests.at(-1)!.body as { messages: { tool_calls?: object[] }[] };
    expect(kept.filter((each) => each.tool_calls !== undefined)).toHaveLength(1);
  });

  test("goes on without calls of tools that its client has let go by", async () => {
    const server = await startEmulated({
      agents: 1,
      server: { sessions: true },
      say: {
        present: (prompt) => {
          const looks = prompt.messages.at(-1)!.text === "Look!";
          return looks ? { text: "I look.", toolCalls: [{ name: "look", input: {} }] } : recites(prompt);
        },
      },
    });
    const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];
    await ask(server, "Look!", "s", { tools }).then((response) => response.text());
    expect(await textOf(await ask(server, "Never mind.", "s", { tools }))).toBe("user: Look! | assistant: I look. | user: Never mind.");
    expect(JSON.stringify(server.emulator.requests.at(-1)!.body)).not.toContain("tool_calls");
  });
});
