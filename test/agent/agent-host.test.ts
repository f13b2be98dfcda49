import { describe, expect, it } from "vitest";
import { startTurn } from "../../src/agent/turn.js";
import type { Approval, ExternalCall, TurnHooks, TurnRequest } from "../../src/agent/types.js";
import type { AgentHost } from "../../src/backends/backend.js";
import { MassGenError } from "../../src/errors.js";
import { type ToolContext, tool } from "../../src/tools/tool.js";
import {
  backendOf,
  call,
  calls,
  goOn,
  newAnswer,
  recorder,
  requestOf,
  type Script,
  settle,
  stop,
  text,
  virtualRuntime,
} from "./support.js";

const input = { type: "object" };
const echo = tool({ name: "echo", description: "", input, execute: (args) => args });
/** A tool that never ends by itself. */
function hanging(begun: (context: ToolContext) => void) {
  const execute = (_: unknown, context: ToolContext) => {
    begun(context);
    return new Promise(() => {});
  };
  return tool({ name: "hang", description: "", input, execute });
}
const whole = { wholeAgent: true };

/** A step in which the agent does `act` with its host and then stops. */
const acting = (act: (host: AgentHost) => Promise<unknown>): Script =>
  async function* (_, { host }) {
    await act(host!);
    yield stop;
  };

async function play(act: (host: AgentHost) => Promise<unknown>, more: Partial<TurnRequest> = {}, hooks: Partial<TurnHooks> = {}) {
  const heard = recorder([], hooks);
  await startTurn(requestOf(backendOf([acting(act)], whole), more), heard).done;
  return heard;
}

describe("the host of a whole agent", () => {
  it("is given to whole agents alone, with their ids and workspace", async () => {
    const hosts: (AgentHost | undefined)[] = [];
    for (const capabilities of [whole, {}]) {
      const look: Script = (_, { host }) => {
        hosts.push(host);
        return [stop];
      };
      await startTurn(requestOf(backendOf([look], capabilities), { toolContext: { workspace: "/w" } }), recorder()).done;
    }
    expect(hosts[0]).toMatchObject({ runId: "r", agentId: "a", turnId: "t", workspace: "/w" });
    expect(hosts[1]).toBeUndefined();
  });

  it("keeps a session from step to step of a turn", async () => {
    const seen: unknown[] = [];
    const step = acting(async ({ session }) => {
      seen.push(session.get("thread"));
      session.set("thread", 7);
    });
    await startTurn(requestOf(backendOf([step, step], whole)), recorder([goOn({}, { note: "Decide." })])).done;
    expect(seen).toEqual([undefined, 7]);
  });
});

describe("callTool", () => {
  it("runs a tool of the turn, with its events in the step, and counts as work", async () => {
    let result: unknown;
    const heard = await play(
      async (host) => {
        result = await host.callTool("echo", { a: 1 });
      },
      { tools: [echo] },
    );
    expect(result).toEqual({ output: '{"a":1}' });
    const stepId = "t.1";
    const [toolCallId, toolName] = ["host_1", "echo"];
    expect(heard.events.slice(0, 3)).toEqual([
      { type: "step-start", stepId },
      { type: "tool-call", stepId, toolCallId, toolName, input: { a: 1 }, hosted: true },
      { type: "tool-result", stepId, toolCallId, toolName, output: { a: 1 }, isError: false },
    ]);
    expect(heard.points[0]?.worked).toBe(true);
    expect(heard.log.filter((one) => one === "worked")).toHaveLength(1);
  });

  it("gives the parts of a result that has files", async () => {
    const parts = [
      { type: "text", text: "a dot" },
      { type: "file", mediaType: "image/png", data: "AA==" },
    ];
    const picture = tool({ name: "picture", description: "", input, execute: () => parts });
    let result: unknown;
    await play(
      async (host) => {
        result = await host.callTool("picture", {});
      },
      { tools: [picture] },
    );
    expect(result).toEqual({ output: "a dot", parts });
  });

  it("holds the call to the checks, approvals and planning mode of every other call", async () => {
    const done: unknown[] = [];
    const make = (name: string, more: object = {}) =>
      tool({ name, description: "", input, execute: (args) => void done.push([name, args]), ...more });
    const tools = [make("write"), make("mail", { needsApproval: true }), make("order")];
    const asked: string[] = [];
    const results: unknown[] = [];
    const heard = await play(
      async ({ callTool }) => {
        results.push(await callTool("write", { path: "/etc" }), await callTool("write", { path: "a" }));
        results.push(await callTool("mail", { to: "x" }), await callTool("order", {}), await callTool("nothing", {}));
      },
      { tools, planned: new Set(["order"]) },
      {
        check: async ({ input: given }) => {
          if ((given as { path?: string }).path === "/etc") throw new MassGenError("path_denied", "not there");
          return (given as { path?: string }).path === "a" ? { path: "/w/a" } : given;
        },
        approve: async ({ toolName }): Promise<Approval> => {
          asked.push(toolName);
          return { approved: false, reason: "no" };
        },
      },
    );
    expect(done).toEqual([["write", { path: "/w/a" }]]);
    expect(asked).toEqual(["mail"]);
    expect(results).toEqual([
      { output: "not there", isError: true },
      { output: "done" },
      { output: expect.stringContaining("did not allow"), isError: true },
      { output: expect.stringContaining("only noted") },
      { output: expect.stringContaining('no tool named "nothing"'), isError: true },
    ]);
    const told = heard.events.filter((event) => event.type === "tool-result");
    expect(told.map(({ planned, error }) => planned ?? error?.code)).toEqual(["path_denied", undefined, "not_approved", true, undefined]);
  });

  it("puts a tool of the caller to the caller, and is let go when the step ends", async () => {
    const theirs = tool({ name: "theirs", description: "", input });
    const asked: ExternalCall[][] = [];
    const results: unknown[] = [];
    let waiting: AbortSignal | undefined;
    const external = async (made: ExternalCall[], signal: AbortSignal) => {
      asked.push(made);
      if (asked.length === 1) return [{ output: { sum: 3 }, isError: false }];
      waiting = signal;
      return new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const act = async ({ callTool }: AgentHost) => {
      results.push(await callTool("theirs", { a: 1 }));
      void callTool("theirs", { a: 2 }).then((result) => results.push(result));
      await settle();
    };
    await play(act, { tools: [theirs] }, { external });
    expect(asked).toEqual([
      [{ toolCallId: "host_1", toolName: "theirs", input: { a: 1 } }],
      [{ toolCallId: "host_2", toolName: "theirs", input: { a: 2 } }],
    ]);
    expect(waiting?.aborted).toBe(true);
    expect(results).toEqual([{ output: '{"sum":3}' }, { output: expect.stringContaining("could not be carried out"), isError: true }]);
  });

  it("takes a decision down, which ends the turn with the step", async () => {
    const results: unknown[] = [];
    const heard = await play(async ({ callTool }) => results.push(await callTool("new_answer", { content: "42" })));
    expect(results).toEqual([{ output: expect.stringContaining("taken down") }]);
    expect(heard.points[0]?.calls).toEqual([{ toolCallId: "call_1", toolName: "new_answer", input: { content: "42" } }]);
    expect(heard.events).toContainEqual({ type: "answer-delta", stepId: "t.1", toolCallId: "call_1", delta: "42" });
    expect(heard.events.filter((event) => event.type === "tool-call")).toEqual([]);
  });

  it("runs calls side by side, and beside calls that the reply leaves to the turn", async () => {
    const backend = backendOf(
      [
        async function* (_, { host }) {
          await Promise.all([host!.callTool("echo", 1), host!.callTool("echo", 2)]);
          yield call("host_1", "echo", 3);
          yield calls;
        },
        [stop],
      ],
      whole,
    );
    const heard = recorder();
    await startTurn(requestOf(backend, { tools: [echo] }), heard).done;
    const ids = heard.events.flatMap((event) => (event.type === "tool-result" ? [[event.toolCallId, event.output]] : []));
    expect(ids).toEqual([
      ["host_1", 1],
      ["host_2", 2],
      ["call_1", 3],
    ]);
    expect(backend.requests[1]?.messages.at(-1)).toMatchObject({ role: "tool", content: [{ toolCallId: "call_1" }] });
  });

  it("is stopped with the step, before the step's end is told; afterwards nothing is done", async () => {
    const signals: AbortSignal[] = [];
    const hang = hanging(({ signal }) => signals.push(signal));
    let host: AgentHost | undefined;
    let pending: Promise<unknown> | undefined;
    const heard = await play(
      async (given) => {
        host = given;
        pending = given.callTool("hang", {});
        await settle();
      },
      { tools: [hang, echo] },
    );
    expect(signals[0]?.aborted).toBe(true);
    expect(await pending).toMatchObject({ isError: true });
    expect(heard.log.filter((one) => /^(tool|step)/.test(one))).toEqual(["step-start", "tool-call", "tool-result", "step-finish"]);
    const before = heard.events.length;
    expect(await host?.callTool("echo", {})).toEqual({ output: expect.stringContaining("step that asks for it is over"), isError: true });
    expect(await host?.checkPermission({ tool: "x", input: {} })).toMatchObject({ allow: false });
    expect(heard.events).toHaveLength(before);
  });

  it("is stopped with the turn", async () => {
    const signals: AbortSignal[] = [];
    const hang = hanging(({ signal }) => signals.push(signal));
    let result: Promise<unknown> | undefined;
    const act = acting((host) => {
      result = host.callTool("hang", {});
      return result;
    });
    const turn = startTurn(requestOf(backendOf([act], whole), { tools: [hang] }), recorder());
    while (signals.length === 0) await settle();
    turn.abort("enough");
    expect(await turn.done).toMatchObject({ status: "aborted" });
    expect(signals[0]).toMatchObject({ aborted: true, reason: "enough" });
    expect(await result).toMatchObject({ isError: true });
  });

  it("is stopped by a signal of its own, and the step goes on", async () => {
    const controller = new AbortController();
    const hang = hanging(() => controller.abort());
    const results: unknown[] = [];
    await play(
      async ({ callTool }) => {
        results.push(await callTool("hang", {}, { signal: controller.signal }), await callTool("hang", {}, { signal: controller.signal }));
        results.push(await callTool("echo", 1));
      },
      { tools: [hang, echo] },
    );
    expect(results).toEqual([
      { output: expect.any(String), isError: true },
      { output: expect.any(String), isError: true },
      { output: "1" },
    ]);
  });

  it("does not count against the limits of the step, which start anew after it", async () => {
    const runtime = virtualRuntime();
    const timeouts = { turn: Infinity, step: 100, firstChunk: 50, chunk: 20, tool: 1_000 };
    const slow = tool({
      name: "slow",
      description: "",
      input,
      execute: () => new Promise((resolve) => runtime.setTimer(500, () => resolve("done"))),
    });
    const backend = backendOf(
      [
        async function* (_, { host }) {
          yield text("I look.");
          await Promise.all([host!.callTool("slow", {}), host!.callTool("slow", {})]);
          await new Promise<void>((resolve) => runtime.setTimer(40, resolve));
          yield stop;
        },
        () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
      ],
      whole,
    );
    const heard = recorder([goOn({}, { note: "Decide." })]);
    const turn = startTurn(requestOf(backend, { tools: [slow], runtime, timeouts, maxStepRetries: 0 }), heard);
    const failed = expect(turn.done).rejects.toMatchObject({ code: "timeout", message: expect.stringContaining("`firstChunk`") });
    await runtime.advance(500);
    await runtime.advance(40);
    expect(heard.points).toHaveLength(1);
    await runtime.advance(60); // the second step has no tools that would excuse it
    await failed;
    expect(runtime.pending()).toBe(0);
  });
});

describe("checkPermission", () => {
  it("allows what nothing forbids", async () => {
    const answers: unknown[] = [];
    const heard = await play(async (host) => answers.push(await host.checkPermission({ tool: "Read", input: { file: "a" } })));
    expect(answers).toEqual([{ allow: true }]);
    expect(heard.events.filter((event) => event.type.startsWith("tool-"))).toEqual([]);
  });

  it("judges paths, planning mode and approvals of the agent's own tools", async () => {
    const answers: unknown[] = [];
    const paths = { writes: ["file"] };
    await play(
      async ({ checkPermission }) => {
        answers.push(await checkPermission({ tool: "Write", input: { file: "a" }, paths, effects: "workspace" }));
        answers.push(await checkPermission({ tool: "Write", input: { file: "/etc/passwd" }, paths, effects: "workspace" }));
        answers.push(await checkPermission({ tool: "Fetch", input: {} }));
        answers.push(await checkPermission({ tool: "Bash", input: {}, effects: "none", needsApproval: true }));
      },
      { holdsBack: ({ effects }) => effects === undefined },
      {
        check: async ({ tool: { paths: declared }, input: given }) => {
          if (declared?.writes === undefined) return given;
          const { file } = given as { file: string };
          if (file.startsWith("/")) throw new MassGenError("path_denied", "outside");
          return { file: `/w/${file}` };
        },
        approve: async () => ({ approved: false, reason: "no shells" }),
      },
    );
    expect(answers).toEqual([
      { allow: true, input: { file: "/w/a" } },
      { allow: false, reason: "outside" },
      { allow: false, reason: expect.stringContaining("only described") },
      { allow: false, reason: expect.stringContaining("no shells") },
    ]);
  });

  it("knows the turn's tools by name", async () => {
    const answers: unknown[] = [];
    await play(async (host) => answers.push(await host.checkPermission({ tool: "echo", input: {} })), {
      tools: [echo],
      planned: new Set(["echo"]),
      decisions: [newAnswer],
    });
    expect(answers).toEqual([{ allow: false, reason: expect.stringContaining("only described") }]);
  });
});
