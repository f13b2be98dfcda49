import { expect, test } from "vitest";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { callTool, type ScriptedBackend, type ScriptedStep, say } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";
import { good, scratch } from "../mcp/helpers.js";
import { resultIn } from "./clients/team.js";
import { member, phaseOf, startTeam } from "./helpers.js";

const messages = [{ role: "user" as const, content: "What does the file say?" }];
const clientTool = (name: string) => ({
  type: "function" as const,
  function: { name, description: `${name} of the editor.`, parameters: { type: "object" } },
});
const namesIn = (request: { tools?: readonly { name: string }[] } | undefined) => (request?.tools ?? []).map(({ name }) => name);

/** Presents in steps: each call of a tool after the result of the one before. */
const presents = (...steps: ScriptedStep[]) => {
  let step = 0;
  return member("one", () => steps[step++] ?? "Nothing more.");
};

test("a client's tools keep their names before the client, and clash with none of workspaces, commands, MCP servers, plans or memory", {
  timeout: 30_000,
}, async () => {
  const root = scratch();
  const clash = ["read_file", "write_file", "execute_command", "mcp__test__ask", "add_task", "save_memory"];
  const presenter = presents(
    callTool("write_file", { path: "note.txt", content: "ours" }),
    callTool("client_read_file", { path: "note.txt" }),
    callTool("client_mcp__test__ask", {}),
    "Both were read.",
  );
  const { client, backends } = await startTeam(
    [presenter, member("two")],
    {},
    { workspaces: { root }, mcpServers: { test: good() }, taskPlanning: true, memory: true },
  );
  const tools = [...clash, "apply_diff"].map(clientTool);
  const ask = (more: object[]) => client.chat.completions.create({ model: "team", messages: [...messages, ...(more as [])], tools });

  const first = (await ask([])).choices[0]!.message;
  const others = backends[1]!.requests.length;
  expect(first.tool_calls).toMatchObject([{ function: { name: "read_file", arguments: '{"path":"note.txt"}' } }]);
  const second = (await ask([first, { role: "tool", tool_call_id: first.tool_calls![0]!.id, content: "theirs" }])).choices[0]!.message;
  expect(second.tool_calls).toMatchObject([{ function: { name: "mcp__test__ask" } }]);
  const results = [first, { role: "tool", tool_call_id: first.tool_calls![0]!.id, content: "theirs" }, second];
  const third = await ask([...results, { role: "tool", tool_call_id: second.tool_calls![0]!.id, content: "answered" }]);
  expect(third.choices[0]!.message.content).toBe("Both were read.");

  const presented = presenter.requests.filter((request) => namesIn(request).includes("apply_diff"));
  expect(presented).toHaveLength(4);
  expect(namesIn(presented[0])).toEqual(expect.arrayContaining([...clash, ...clash.map((name) => `client_${name}`)]));
  expect(presented[0]!.tools!.find(({ name }) => name === "client_read_file")!.description).toBe(
    'The user\'s own tool "read_file". read_file of the editor.',
  );
  expect(resultIn(presented[2]!)).toBe("theirs");
  expect(backends[1]!.requests).toHaveLength(others);
});

test("a call of an earlier run goes on from the transcript, in the renamed words, with the tools of the team", {
  timeout: 30_000,
}, async () => {
  const { client, backends } = await startTeam(
    [member("one", () => "It says theirs."), member("two")],
    {},
    { workspaces: { root: scratch(), commands: false } },
  );
  const id = `call_0_${"a".repeat(24)}_0`;
  const call = { id, type: "function" as const, function: { name: "read_file", arguments: "{}" } };
  const reply = await client.chat.completions.create({
    model: "team",
    messages: [
      ...messages,
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: id, content: "theirs" },
    ],
    tools: [clientTool("read_file")],
  });
  expect(reply.choices[0]!.message.content).toBe("It says theirs.");
  expect(backends.map(({ requests }) => requests.length)).toEqual([1, 0]);
  const [request] = backends[0]!.requests;
  expect(namesIn(request)).toEqual(expect.arrayContaining(["read_file", "write_file", "client_read_file"]));
  expect(JSON.stringify(request!.messages)).toContain('"toolName":"client_read_file"');
});

test("toolkits of the user's own may give any name: every tool of the client gives way", async () => {
  const lookup = tool({ name: "look_up", description: "Looks up.", input: { type: "object" }, execute: () => "ours" });
  const toolkit = { name: "own", open: async () => ({ tools: () => [lookup], close: async () => {} }) };
  const presenter = presents(callTool("client_look_up", {}));
  const { client } = await startTeam([presenter, member("two")], {}, { toolkits: [toolkit] });
  const reply = await client.chat.completions.create({ model: "team", messages, tools: [clientTool("look_up")] });
  expect(reply.choices[0]!.message.tool_calls).toMatchObject([{ function: { name: "look_up" } }]);
});

/** What the presenter's calls gave, but for what its decisions were told. */
function resultsOf({ requests }: ScriptedBackend): string[] {
  return requests.filter(({ tools = [] }) => phaseOf(tools) === "present").flatMap((request) => resultIn(request) ?? []);
}

/** One call that needs an approval and one that asks a question, by the presenter of a team. */
function asking() {
  const sent: unknown[] = [];
  const send = tool({
    name: "send_mail",
    description: "Sends mail.",
    input: { type: "object" },
    needsApproval: true,
    execute: (input) => {
      sent.push(input);
      return "sent";
    },
  });
  const presenter = presents([say("Let me see."), callTool("send_mail", { to: "Anna" })], callTool("mcp__test__ask", {}), "That is all.");
  const toolkit = { name: "mail", open: async () => ({ tools: () => [send], close: async () => {} }) };
  return { sent, presenter, team: { toolkits: [toolkit], mcpServers: { test: good() } } };
}

test("what needs an approval is denied and a question stays unanswered at once, and both are told", { timeout: 30_000 }, async () => {
  const { sent, presenter, team } = asking();
  const { client } = await startTeam([presenter, member("two")], {}, team);
  let reasoning = "";
  let content = "";
  for await (const { choices } of await client.chat.completions.create({ model: "team", messages, stream: true })) {
    const delta = choices[0]?.delta as { content?: string; reasoning_content?: string } | undefined;
    reasoning += delta?.reasoning_content ?? "";
    content += delta?.content ?? "";
  }
  expect(content).toBe("Let me see.\n\nThat is all.");
  expect(sent).toEqual([]);
  expect(reasoning).toContain("gpt wants to use send_mail: that has to be allowed and nobody can be asked here, so it is not done.");
  expect(reasoning).toContain("asks a question: nobody can be asked here, so it stays unanswered.");
  const results = resultsOf(presenter);
  expect(results[0]).toContain("did not allow this call");
  expect(results[0]).toContain("nobody can be asked on this server");
  expect(results[1]).toContain('"action":"cancel"');
});

test("onInputRequest decides instead, and hears whose run asks", { timeout: 30_000 }, async () => {
  const { sent, presenter, team } = asking();
  const heard: unknown[] = [];
  const onInputRequest = async (event: CoordinationEvent & { type: "input-request" }, context: { signal: AbortSignal }) => {
    const { signal, ...rest } = context;
    heard.push([event.kind, rest, signal.aborted]);
    return event.kind === "approval" ? { approved: true, input: { to: "Ben" } } : { colour: "green" };
  };
  const { client } = await startTeam([presenter, member("two")], { onInputRequest }, team);
  const { data, request_id } = await client.chat.completions
    .create({ model: "team", messages, user: "anna", metadata: { chat: "7" } })
    .withResponse();
  expect(data.choices[0]!.message.content).toBe("Let me see.\n\nThat is all.");
  expect(sent).toEqual([{ to: "Ben" }]);
  const context = { requestId: request_id, user: "anna", metadata: { chat: "7" } };
  expect(heard).toEqual([
    ["approval", context, false],
    ["question", context, false],
  ]);
  expect(presenter.requests.map(resultIn)).toContain('{"action":"accept","content":{"colour":"green"}}');
});

test.each([
  ["throws", () => Promise.reject(new Error("The pager is broken."))],
  ["gives what an approval does not take", () => "by all means"],
])("a decision that %s is a refusal", { timeout: 30_000 }, async (_name, onInputRequest) => {
  const { sent, presenter, team } = asking();
  const { client } = await startTeam([presenter, member("two")], { onInputRequest }, { ...team, mcpServers: {} });
  await client.chat.completions.create({ model: "team", messages });
  expect(sent).toEqual([]);
  expect(resultsOf(presenter)[0]).toContain("did not allow this call");
});

test("a client that goes away takes the pending decision along", async () => {
  const { presenter, team } = asking();
  let told: (signal: AbortSignal) => void = () => {};
  const asked = new Promise<AbortSignal>((resolve) => {
    told = resolve;
  });
  const onInputRequest = (_event: unknown, { signal }: { signal: AbortSignal }) => {
    told(signal);
    return new Promise(() => {});
  };
  const { client, backends } = await startTeam([presenter, member("two")], { onInputRequest }, { ...team, mcpServers: {} });
  const stop = new AbortController();
  const reply = client.chat.completions.create({ model: "team", messages }, { signal: stop.signal });
  const signal = await asked;
  stop.abort();
  await expect(reply).rejects.toThrow(/abort/i);
  await expect.poll(() => signal.aborted).toBe(true);
  expect(backends.map(({ active }) => active)).toEqual([0, 0]);
});

test("directories stay on this side: neither replies nor metadata nor errors name them", { timeout: 30_000 }, async () => {
  const root = scratch();
  const presenter = presents(callTool("write_file", { path: "note.txt", content: "ours" }), "It is written.");
  const fine = await startTeam([presenter, member("two")], {}, { workspaces: { root, commands: false } });
  const ask = (url: string, more: object) =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "team", messages, massgen_metadata: true, ...more }),
    }).then((response) => response.text());
  const whole = await ask(fine.url, {});
  expect(whole).toContain("It is written.");
  expect(whole).toContain("massgen_metadata");
  expect(whole).not.toContain(root);
  expect(await ask(fine.url, { stream: true })).not.toContain(root);

  const missing = `${root}/no-such-server`;
  const broken = await startTeam([member("one"), member("two")], {}, { mcpServers: { test: { command: missing, required: true } } });
  for (const more of [{}, { stream: true }]) {
    const told = await ask(broken.url, more);
    expect(told).toMatch(/"message":"The run failed: /);
    expect(told).not.toContain(root);
  }
});
