import { describe, expect, it } from "vitest";
import { startTurn } from "../../../src/agent/turn.js";
import type { Approval, ExternalCall, TurnHooks } from "../../../src/agent/types.js";
import { MassGenError } from "../../../src/errors.js";
import type { ToolMessage } from "../../../src/formatter/messages.js";
import { tool } from "../../../src/tools/tool.js";
import { backendOf, call, calls, recorder, requestOf, type ScriptedBackend, settle, stop, virtualRuntime } from "../support.js";

const input = { type: "object" };
const results = (backend: ScriptedBackend) => (backend.requests[1]?.messages.at(-1) as ToolMessage | undefined)?.content;

/** A tool that writes down what it was called with. */
function mailer(more: Partial<Parameters<typeof tool>[0]> = {}) {
  const sent: unknown[] = [];
  const made = tool({ name: "mail", description: "", input, needsApproval: true, execute: (args) => sent.push(args) && "sent", ...more });
  return { sent, made };
}

async function play(tools: ReturnType<typeof tool>[], hooks: Partial<TurnHooks>, ...made: ReturnType<typeof call>[]) {
  const backend = backendOf([[...made, calls], [stop]]);
  const heard = recorder([], hooks);
  await startTurn(requestOf(backend, { tools }), heard).done;
  const told = heard.events.filter((event) => event.type === "tool-result");
  return { results: results(backend)!, told };
}

describe("a call that needs approval", () => {
  it("is made when it is allowed, and the result says nothing of it", async () => {
    const { sent, made } = mailer();
    const asked: ExternalCall[] = [];
    const approve = async (one: ExternalCall): Promise<Approval> => {
      asked.push(one);
      expect(sent).toEqual([]);
      return { approved: true };
    };
    const { results: read, told } = await play([made], { approve }, call("1", "mail", { to: "x" }));
    expect(asked).toEqual([{ toolCallId: "1", toolName: "mail", input: { to: "x" } }]);
    expect(sent).toEqual([{ to: "x" }]);
    expect(read).toEqual([{ type: "tool-result", toolCallId: "1", toolName: "mail", output: "sent" }]);
    expect(told).toEqual([{ type: "tool-result", stepId: "t.1", toolCallId: "1", toolName: "mail", output: "sent", isError: false }]);
  });

  it("is not made when it is denied: the model reads why and what to do, the caller a code", async () => {
    const { sent, made } = mailer();
    const { results: read, told } = await play(
      [made],
      { approve: async () => ({ approved: false, reason: "Not on a Sunday." }) },
      call("1", "mail"),
    );
    expect(sent).toEqual([]);
    expect(read[0]).toMatchObject({
      isError: true,
      output: expect.stringMatching(/did not allow this call of "mail": Not on a Sunday\. Do not make it again as it is/),
    });
    expect(told[0]).toMatchObject({ isError: true, error: { code: "not_approved" } });
  });

  it("is denied where nobody can be asked", async () => {
    const { sent, made } = mailer();
    const { results: read } = await play([made], {}, call("1", "mail"));
    expect(sent).toEqual([]);
    expect(read[0]).toMatchObject({ isError: true, output: expect.stringContaining("nobody can be asked") });
  });

  it("is made with other arguments when they were changed, and the model and the caller hear with which", async () => {
    const { sent, made } = mailer();
    const { results: read, told } = await play(
      [made],
      { approve: async () => ({ approved: true, input: { to: "y" } }) },
      call("1", "mail", { to: "x" }),
    );
    expect(sent).toEqual([{ to: "y" }]);
    expect(read[0]?.output).toBe('(The user changed the arguments of this call to {"to":"y"}.)\nsent');
    expect(told[0]).toMatchObject({ input: { to: "y" }, output: "sent", isError: false });
  });

  it("is asked about together with the others of its step, and those that need none go ahead", async () => {
    const { sent, made } = mailer();
    const free = tool({ name: "free", description: "", input, execute: () => sent.push("free") && "done" });
    const asked: string[] = [];
    const answers: (() => void)[] = [];
    const approve = (one: ExternalCall) =>
      new Promise<Approval>((resolve) => {
        asked.push(one.toolCallId);
        answers.push(() => resolve({ approved: one.toolCallId === "3" }));
      });
    const backend = backendOf([[call("1", "mail", 1), call("2", "free"), call("3", "mail", 3), calls], [stop]]);
    const { done } = startTurn(requestOf(backend, { tools: [made, free] }), recorder([], { approve }));
    await settle();
    expect(asked).toEqual(["1", "3"]);
    expect(sent).toEqual(["free"]);
    for (const answer of answers.reverse()) answer();
    await done;
    expect(sent).toEqual(["free", 3]);
    expect(results(backend)?.map(({ toolCallId, isError }) => [toolCallId, isError === true])).toEqual([
      ["1", true],
      ["2", false],
      ["3", false],
    ]);
  });

  it("is asked about only as its function says, which knows the arguments and the call", async () => {
    const seen: unknown[] = [];
    const { sent, made } = mailer({
      needsApproval: (args, { toolCallId, agentId }) => {
        seen.push([args, toolCallId, agentId]);
        return toolCallId === "2";
      },
    });
    const asked: string[] = [];
    const approve = async ({ toolCallId }: ExternalCall): Promise<Approval> => {
      asked.push(toolCallId);
      return { approved: true };
    };
    await play([made], { approve }, call("1", "mail", { a: 1 }), call("2", "mail", { a: 2 }));
    expect(asked).toEqual(["2"]);
    expect(sent).toEqual([{ a: 1 }, { a: 2 }]);
    expect(seen).toEqual([
      [{ a: 1 }, "1", "a"],
      [{ a: 2 }, "2", "a"],
    ]);
  });

  it("is not made when that function throws", async () => {
    const { sent, made } = mailer({
      needsApproval: () => {
        throw new Error("no policy");
      },
    });
    const { results: read, told } = await play([made], { approve: async () => ({ approved: true }) }, call("1", "mail"));
    expect(sent).toEqual([]);
    expect(read[0]).toMatchObject({ isError: true, output: expect.stringContaining("no policy") });
    expect(told[0]).toMatchObject({ error: { message: "no policy" } });
  });

  it("makes the clocks stand still until it is answered; then the tool has its own time", async () => {
    const runtime = virtualRuntime();
    let answer = (_: Approval) => {};
    const approve = () =>
      new Promise<Approval>((resolve) => {
        answer = resolve;
      });
    const { made } = mailer({ timeoutMs: 500, execute: () => new Promise(() => {}) });
    const backend = backendOf([[call("1", "mail"), calls], [stop]]);
    const timeouts = { turn: 1000, step: Infinity, firstChunk: Infinity, chunk: Infinity, tool: Infinity };
    const { done } = startTurn(requestOf(backend, { tools: [made], runtime, timeouts }), recorder([], { approve }));
    await runtime.advance(1_000_000);
    expect(runtime.pending()).toBe(0);
    answer({ approved: true });
    await runtime.advance(499);
    expect(backend.requests).toHaveLength(1);
    await runtime.advance(1);
    expect((await done).status).toBe("ended");
    expect(results(backend)?.[0]).toMatchObject({ output: expect.stringContaining("longer than 500 ms"), isError: true });
    expect(runtime.pending()).toBe(0);
  });

  it("lets the turn be aborted meanwhile; a late answer makes no call", async () => {
    const controller = new AbortController();
    let answer = (_: Approval) => {};
    const approve = () =>
      new Promise<Approval>((resolve) => {
        answer = resolve;
      });
    const { sent, made } = mailer();
    const backend = backendOf([[call("1", "mail"), calls]]);
    const { done } = startTurn(requestOf(backend, { tools: [made], signal: controller.signal }), recorder([], { approve }));
    await settle();
    controller.abort();
    expect((await done).status).toBe("aborted");
    answer({ approved: true });
    await settle();
    expect(sent).toEqual([]);
  });
});

describe("a call that is checked", () => {
  const refuse = (what: string) => () => {
    throw new MassGenError("path_denied", what);
  };

  it("is not made, nor asked about, when the check refuses it", async () => {
    const { sent, made } = mailer();
    const asked: unknown[] = [];
    const approve = async (one: ExternalCall): Promise<Approval> => {
      asked.push(one);
      return { approved: true };
    };
    const { results: read, told } = await play([made], { approve, check: refuse("/etc is not yours.") }, call("1", "mail"));
    expect([sent, asked]).toEqual([[], []]);
    expect(read[0]).toMatchObject({ isError: true, output: "/etc is not yours." });
    expect(told[0]).toMatchObject({ error: { code: "path_denied" } });
  });

  it("is checked again when an approval has changed its arguments", async () => {
    const { sent, made } = mailer();
    const check: NonNullable<TurnHooks["check"]> = async (one) => {
      if (JSON.stringify(one.input).includes("y")) throw new MassGenError("path_denied", "y is not yours.");
      return one.input;
    };
    const { results: read } = await play(
      [made],
      { check, approve: async () => ({ approved: true, input: { to: "y" } }) },
      call("1", "mail", { to: "x" }),
    );
    expect(sent).toEqual([]);
    expect(read[0]).toMatchObject({ isError: true, output: "y is not yours." });
  });

  it("is made with the arguments that the check gives: they are what is asked about, and what the caller hears", async () => {
    const { sent, made } = mailer();
    const check: NonNullable<TurnHooks["check"]> = async ({ input: given }) => ({ ...(given as object), real: true });
    const asked: unknown[] = [];
    const approve = async (one: ExternalCall): Promise<Approval> => {
      asked.push(one.input);
      return { approved: true };
    };
    const { results: read, told } = await play([made], { check, approve }, call("1", "mail", { to: "x" }));
    expect([asked, sent]).toEqual([[{ to: "x", real: true }], [{ to: "x", real: true }]]);
    expect(read[0]?.output).toBe("sent");
    expect(told[0]).toMatchObject({ input: { to: "x", real: true } });
    const changed = mailer();
    const other = await play(
      [changed.made],
      { check, approve: async () => ({ approved: true, input: { to: "y" } }) },
      call("1", "mail", { to: "x" }),
    );
    expect(changed.sent).toEqual([{ to: "y", real: true }]);
    expect(other.results[0]?.output).toBe('(The user changed the arguments of this call to {"to":"y"}.)\nsent');
    expect(other.told[0]).toMatchObject({ input: { to: "y", real: true } });
  });

  it("is checked again after it was allowed, and not made when it would be another call by now", async () => {
    for (const later of ["elsewhere", "refused"]) {
      const { sent, made } = mailer();
      let place = "here";
      const check: NonNullable<TurnHooks["check"]> = async () => {
        if (place === "refused") throw new MassGenError("path_denied", "Not any more.");
        return { to: place };
      };
      const approve = async (): Promise<Approval> => {
        place = later;
        return { approved: true };
      };
      const { results: read } = await play([made], { check, approve }, call("1", "mail", { to: "x" }));
      expect(sent).toEqual([]);
      expect(read[0]).toMatchObject({ isError: true, output: expect.stringMatching(/has changed since|Not any more/) });
    }
  });

  it("is refused as well when it belongs to the caller, whom nobody asks then", async () => {
    const theirs = tool({ name: "theirs", description: "", input });
    const check: NonNullable<TurnHooks["check"]> = async ({ input: given }) => {
      if (given === 1) throw new MassGenError("path_denied", "Not that.");
      return given === 2 ? "two" : given;
    };
    const asked: ExternalCall[] = [];
    const external = async (list: ExternalCall[]) => {
      asked.push(...list);
      return list.map(() => ({ output: "yes", isError: false }));
    };
    const { results: read } = await play([theirs], { check, external }, call("1", "theirs", 1), call("2", "theirs", 2));
    expect(asked).toEqual([{ toolCallId: "2", toolName: "theirs", input: "two" }]);
    expect(read).toMatchObject([{ output: "Not that.", isError: true }, { output: "yes" }]);
  });
});

describe("a call that is only noted", () => {
  it("is neither checked, nor asked about, nor made; the model hears that nothing was done", async () => {
    const { sent, made } = mailer();
    const check = () => {
      throw new Error("not reached");
    };
    const backend = backendOf([[call("1", "mail", { to: "x" }), calls], [stop]]);
    const hooks = recorder([], { check });
    await startTurn(requestOf(backend, { tools: [made], planned: new Set(["mail"]) }), hooks).done;
    expect(sent).toEqual([]);
    expect(results(backend)?.[0]).toMatchObject({ output: expect.stringMatching(/^Not done: .*presents the final answer/) });
    expect(hooks.events.find((event) => event.type === "tool-result")).toMatchObject({ planned: true, isError: false });
  });
});
