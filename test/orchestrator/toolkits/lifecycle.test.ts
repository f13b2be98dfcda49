import { describe, expect, it } from "vitest";
import { MassGenError } from "../../../src/errors.js";
import { Orchestrator } from "../../../src/orchestrator/orchestrator.js";
import { callTool, newAnswer, scriptedBackend, virtualRuntime, vote, wait } from "../../../src/testing/index.js";
import { tool } from "../../../src/tools/tool.js";
import { allText, finished, gate, lastText, ofType, play, record, story, team, toolNames, toolResults } from "../helpers.js";
import { fakeToolkit, later, look } from "./fake-toolkit.js";

const duo = { a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] };

describe("a toolkit", () => {
  it("is opened after run-start and before the first turn, once for all its agents, and closed before the last event", async () => {
    const log: string[] = [];
    const one = fakeToolkit({ name: "one", log });
    const two = fakeToolkit({ name: "two", log });
    const made = team(duo, { toolkits: [one, two], agents: { b: { toolkits: [two, one] } } });
    const { result } = await play(made, {
      during: ({ type }) => {
        if (["run-start", "turn-start", "run-finish"].includes(type)) log.push(type);
      },
    });
    expect(result.text).toBe("Final.");
    expect(log.slice(0, 4)).toEqual(["run-start", "one open a=agent1 b=agent2", "two open a=agent1 b=agent2", "turn-start"]);
    expect(log.slice(-3)).toEqual(["one close", "two close", "run-finish"]);
    expect(log.filter((line) => line.includes("closed for good"))).toEqual([]);
    expect(one.runs[0]?.signal.aborted).toBe(true);
    expect(made.runtime.pending).toBe(0);
  });

  it("of one agent is opened for that one, under the alias that its model reads", async () => {
    const mine = fakeToolkit({ tools: () => [look] });
    const made = team({ a: duo.a, b: [callTool("look"), ...duo.b] }, { agents: { b: { toolkits: [mine] } } });
    await play(made);
    expect(mine.log[0]).toBe("fake open b=agent2");
    expect(toolNames(made.backends.b!.requests[0])).toEqual(["look", "new_answer"]);
    expect(toolNames(made.backends.a!.requests[0])).toEqual(["new_answer"]);
  });

  it("gives tools to each turn, which knows its phase; an agent whose turn has none is not asked for work", async () => {
    const fake = fakeToolkit({ tools: ({ phase }) => (phase === "evaluate" ? [look] : []) });
    const made = team({ a: [newAnswer("A"), [callTool("look")], vote("agent1"), "Final."], b: duo.b }, { toolkits: [fake] });
    const { result, of } = await play(made);
    expect(result.text).toBe("Final.");
    expect(of("decision-rejected")).toEqual([]);
    expect(made.backends.a!.requests.map(toolNames)).toEqual([
      ["new_answer"],
      ["look", "vote", "new_answer"],
      ["look", "vote", "new_answer"],
      [],
    ]);
    expect(toolResults(made.backends.a!.requests[2])).toMatchObject([{ output: "seen" }]);
  });

  it("makes an agent that answers without any work say why, as functions do", async () => {
    const fake = fakeToolkit({ tools: () => [look] });
    const made = team(
      { a: [newAnswer("A"), newAnswer("A"), vote("agent1"), "Final."], b: [callTool("look"), ...duo.b] },
      { toolkits: [fake] },
    );
    const { of } = await play(made);
    expect(of("decision-rejected")).toMatchObject([{ agentId: "a", code: "no_work" }]);
  });

  it("says its instructions at the end of every system message, and its notes at the end of the user's", async () => {
    const fake = fakeToolkit({
      run: {
        instructions: (agentId) => `Instructions for ${agentId}.`,
        context: () => ({ workspace: "/work" }),
        note: async ({ phase, labels }, { workspace }) => `Note: ${phase} [${labels.join(" ")}] ${workspace}`,
      },
    });
    const made = team(duo, { toolkits: [fake], agents: { a: { systemMessage: "Be brief." } } });
    await play(made);
    const { a, b } = made.backends;
    expect(new Set(a!.requests.map(({ system }) => system)).size).toBe(1);
    expect(a!.requests[0]?.system).toMatch(/^Be brief\.\n\n[\s\S]+\n\nInstructions for a\.$/);
    expect(b!.requests[0]?.system).toMatch(/\n\nInstructions for b\.$/);
    const notes = [...a!.requests, ...b!.requests].map((request) => /Note: .*$/.exec(lastText(request))?.[0]);
    expect(notes).toEqual([
      "Note: draft [] /work",
      "Note: evaluate [agent2.1 agent1.1] /work",
      "Note: present [agent2.1 agent1.1] /work",
      "Note: draft [] /work",
      "Note: evaluate [agent1.1 agent2.1] /work",
    ]);
  });

  it("tells tools of every provenance about the workspace, and may refuse their calls", async () => {
    const seen: unknown[] = [];
    const own = tool({
      name: "own",
      description: "",
      input: { type: "object" },
      execute: async (_, { workspace, saveFile }) => {
        seen.push(workspace, await saveFile?.("x", "y"));
      },
    });
    const fake = fakeToolkit({
      run: {
        context: ({ agentId }) => ({ workspace: `/home/${agentId}`, saveFile: async (name) => `saved/${name}` }),
        check({ tool: called, input }) {
          if (JSON.stringify(input) === '{"path":"/etc"}') throw new MassGenError("path_denied", `${called.name}: /etc is not yours.`);
        },
      },
    });
    const made = team(
      { a: [[callTool("own", {}), callTool("own", { path: "/etc" })], newAnswer("A"), vote("agent1"), "Final."], b: duo.b },
      { toolkits: [fake], agents: { a: { tools: [own] } } },
    );
    const { of } = await play(made);
    expect(seen).toEqual(["/home/a", "saved/x"]);
    expect(of("tool-result")).toMatchObject([
      { isError: false },
      { isError: true, output: "own: /etc is not yours.", error: { code: "path_denied" } },
    ]);
  });

  it("learns of new answers when the turn does, and adds to the message that brings them", async () => {
    const fake = fakeToolkit({
      tools: () => [look],
      run: {
        newsNote: ({ labels }) => `News: [${labels.join(" ")}]`,
        check: (_, { agentId, labels }) => void seen.push(`${agentId}: ${labels.join(" ")}`),
      },
    });
    const seen: string[] = [];
    const made = team(
      {
        a: [callTool("look"), newAnswer("A"), callTool("look"), [wait(100), callTool("look")], callTool("look"), vote("agent2"), "Final."],
        b: [callTool("look"), newAnswer("B"), [wait(50), callTool("look")], newAnswer("B improved", "depth"), vote("agent2"), "Final."],
      },
      { toolkits: [fake], peerAnswers: "inject" },
    );
    const { of } = await play(made);
    expect(of("turn-update")).toHaveLength(1);
    expect(lastText(made.backends.a!.requests[4])).toMatch(/News: \[agent2\.2 agent1\.1\]$/);
    expect(seen.filter((line) => line.startsWith("a"))).toEqual([
      "a: ",
      "a: agent2.1 agent1.1",
      "a: agent2.1 agent1.1",
      "a: agent2.2 agent1.1",
    ]);
  });
});

describe("two tools of one name", () => {
  it("end the run, and the error names both owners", async () => {
    const made = team(duo, { toolkits: [fakeToolkit({ name: "files", tools: () => [look] })], agents: { b: { tools: [look] } } });
    const { error } = await play(made);
    expect(error.code).toBe("duplicate_tool");
    expect(error.message).toMatch(/Agent "b" has two tools named "look": one of agent "b" itself, one of the toolkit "files"/);
  });

  it("or one with a name of massgen's own do too", async () => {
    const votes = { ...look, name: "vote" };
    const { error } = await play(team(duo, { toolkits: [fakeToolkit({ tools: () => [votes] })] }));
    expect([error.code, error.message]).toEqual(["duplicate_tool", expect.stringContaining("massgen itself")]);
  });
});

describe("a toolkit that cannot be opened", () => {
  it("ends the run with its error and code; those that could are closed", async () => {
    const log: string[] = [];
    const fine = fakeToolkit({ name: "fine", log });
    const broken = fakeToolkit({
      name: "broken",
      log,
      open: () => {
        throw new MassGenError("no_server", "There is no server.");
      },
    });
    const made = team(duo, { toolkits: [fine, broken] });
    const { error, events } = await play(made);
    expect([error.code, error.message, (error.cause as MassGenError).code]).toEqual(["no_server", "There is no server.", "no_server"]);
    expect(story(events)).toEqual(["run-error"]);
    expect(log.at(-1)).toBe("fine close");
    expect(made.backends.a!.requests).toEqual([]);
    expect(made.runtime.pending).toBe(0);
  });

  it("is named where its error is any other", async () => {
    const broken = fakeToolkit({ name: "broken", open: () => Promise.reject(new TypeError("oops")) });
    const { error } = await play(team(duo, { toolkits: [broken] }));
    expect([error.code, error.message]).toEqual(["toolkit_failed", 'The toolkit "broken" could not be opened: oops']);
  });

  it("because the run is aborted meanwhile: run-abort, and what opens later is closed at once", async () => {
    const { open, opened } = gate();
    const slow = fakeToolkit({ open: () => opened });
    const made = team(duo, { toolkits: [slow] });
    const run = made.orchestrator.run("The task");
    const events = record(run);
    await made.runtime.runFor(100);
    run.abort("enough");
    const { error } = await finished(run, events, made.runtime);
    expect(error.code).toBe("aborted");
    expect(events.map(({ type }) => type)).toEqual(["run-start", "warning", "run-abort"]);
    expect(ofType(events, "warning")[0]).toMatchObject({ code: "toolkit_not_closed" });
    open();
    await made.runtime.runFor(0);
    expect(slow.log).toEqual(["fake open a=agent1 b=agent2", "fake close"]);
    expect(slow.runs[0]?.signal.aborted).toBe(true);
  });

  it("because the deadline comes first", async () => {
    const slow = fakeToolkit({ open: (run) => later(run.runtime, 10_000) });
    const made = team(duo, { toolkits: [slow], timeout: { run: 9_000 } });
    const { error, events } = await play(made);
    expect([error.code, error.message]).toEqual(["deadline", expect.stringContaining("9000 ms")]);
    expect(events.at(-1)?.time).toBe(events[0]!.time + 10_000); // it opened a second later and was closed
    expect(slow.log.at(-1)).toBe("fake close");
  });

  it("in the time of a turn, where there is no deadline: the one that is late is named", async () => {
    const slow = fakeToolkit({ name: "slow", open: () => new Promise(() => {}) });
    const made = team(duo, { toolkits: [fakeToolkit(), slow], timeout: { run: Infinity, turn: 9_000 } });
    const { error } = await play(made);
    expect([error.code, error.message]).toEqual([
      "toolkit_timeout",
      expect.stringMatching(/opening "slow" took longer than 9000 ms.*timeout\.turn/),
    ]);
  });

  it("in no time: opening counts towards the deadline", async () => {
    const slow = fakeToolkit({ open: (run) => later(run.runtime, 6_000) });
    const made = team({ a: [[wait(100_000), newAnswer("A")]], b: [newAnswer("B")] }, { toolkits: [slow], timeout: { run: 9_000 } });
    const { result, events } = await play(made);
    expect(result.reason).toBe("deadline");
    expect(events.at(-1)?.time).toBe(events[0]!.time + 9_000);
  });
});

describe("what is asked while toolkits are being opened", () => {
  it("is done when they are: finish", async () => {
    const slow = fakeToolkit({ open: (run) => later(run.runtime, 100) });
    const made = team(duo, { toolkits: [slow] });
    const run = made.orchestrator.run("The task");
    const events = record(run);
    await made.runtime.runFor(50);
    run.finish();
    const { error } = await finished(run, events, made.runtime);
    expect([error.code, error.message]).toEqual(["no_answer", expect.stringContaining("finish()")]);
  });

  it("is done at once: an abort before or within run-start opens nothing", async () => {
    for (const when of ["before", "within"]) {
      const fake = fakeToolkit();
      const made = team(duo, { toolkits: [fake] });
      const run = made.orchestrator.run("The task");
      const events = record(run);
      if (when === "before") run.abort("no");
      else run.on("run-start", () => run.abort("no"));
      const { error } = await finished(run, events, made.runtime);
      expect(error.code).toBe("aborted");
      expect(fake.log).toEqual([]);
    }
  });
});

describe("closing", () => {
  it("that hangs does not hold the run up for ever, and is told", async () => {
    const fake = fakeToolkit({ name: "stuck", run: { close: () => new Promise(() => {}) } });
    const made = team(duo, { toolkits: [fake] });
    const { result, of, events } = await play(made);
    expect(result.text).toBe("Final.");
    expect(of("warning")).toMatchObject([{ code: "toolkit_not_closed", message: expect.stringContaining('"stuck"') }]);
    expect(events.at(-1)?.time).toBeLessThanOrEqual(events[0]!.time + 5_000);
    expect(made.runtime.pending).toBe(0);
  });

  it("that fails is told, and the others are closed", async () => {
    const log: string[] = [];
    const failing = fakeToolkit({ name: "failing", log, run: { close: () => Promise.reject(new Error("busy")) } });
    const made = team(duo, { toolkits: [failing, fakeToolkit({ name: "fine", log })] });
    const { result, of } = await play(made);
    expect(result.text).toBe("Final.");
    expect(of("warning")).toMatchObject([{ code: "toolkit_not_closed", message: 'The toolkit "failing" could not be closed: busy' }]);
    expect(log.at(-1)).toBe("fine close");
  });

  it("of the orchestrator waits for its runs, and leaves the caller's toolkits open", async () => {
    const fake = fakeToolkit();
    const made = team({ a: [wait(1_000)], b: [wait(1_000)] }, { toolkits: [fake] });
    const run = made.orchestrator.run("The task");
    const events = record(run);
    await made.runtime.runFor(10);
    await made.runtime.runUntil(made.orchestrator.close());
    expect(events.at(-1)?.type).toBe("run-abort");
    expect(fake.log).toEqual(["fake open a=agent1 b=agent2", "fake close"]);
  });
});

describe("what is left of a run", () => {
  it("is in its result: the first workspace that a toolkit names, asked of the winner before they are closed", async () => {
    const fake = fakeToolkit({
      run: { result: async ({ agentId, label }) => ({ workspace: `/kept/${agentId}/${label}` }) },
    });
    const { result } = await play(team(duo, { toolkits: [fakeToolkit({ name: "none" }), fake] }));
    expect(result.workspace).toBe("/kept/a/agent1.1");
    const { result: without } = await play(team(duo));
    expect(without).not.toHaveProperty("workspace");
  });

  it("costs the run nothing when it cannot be had, but a warning", async () => {
    for (const give of [() => Promise.reject(new Error("disk full")), () => new Promise<never>(() => {})]) {
      const made = team(duo, { toolkits: [fakeToolkit({ run: { result: give } })], timeout: { tool: 1_000 } });
      const { result, of } = await play(made);
      expect(result.text).toBe("Final.");
      expect(result.workspace).toBeUndefined();
      expect(of("warning")).toMatchObject([{ code: "toolkit_failed" }]);
    }
  });

  it("is nothing for a run without a result", async () => {
    const asked: unknown[] = [];
    const fake = fakeToolkit({
      run: {
        result: async (winner) => {
          asked.push(winner);
          return {};
        },
      },
    });
    const made = team({ a: [wait(100)], b: [wait(100)] }, { toolkits: [fake], timeout: { run: 10 } });
    await play(made);
    expect(asked).toEqual([]);
  });
});

describe("two runs of one orchestrator", () => {
  it("have runs of their own of the same toolkit", async () => {
    const fake = fakeToolkit();
    const runtime = virtualRuntime();
    const agent = (id: string) => ({ id, backend: scriptedBackend(() => `From ${id}`, { runtime }) });
    const orchestrator = new Orchestrator({ agents: [agent("only")], toolkits: [fake], runtime });
    const runs = [orchestrator.run("one"), orchestrator.run("two")];
    const controller = runs.map((run) => run.runId);
    await runtime.runUntil(Promise.all(runs.map(({ result }) => result)));
    expect(fake.runs.map(({ runId }) => runId)).toEqual(controller);
    expect(fake.runs[0]?.signal).not.toBe(fake.runs[1]?.signal);
    expect(fake.log.filter((line) => line === "fake close")).toHaveLength(2);
  });

  it("can use what its options name, which is made once", async () => {
    const backend = scriptedBackend(() => "Done.");
    await using orchestrator = new Orchestrator({ agents: [{ id: "only", backend }], taskPlanning: { maxTasks: 3 }, memory: true });
    for (const run of [orchestrator.run("one"), orchestrator.run("two")]) await run.result;
    expect(backend.requests).toHaveLength(2);
    for (const request of backend.requests) {
      expect(toolNames(request)).toEqual(expect.arrayContaining(["create_task_plan", "save_memory"]));
      expect(request.system).toMatch(/up to 3 tasks[\s\S]+save_memory/);
    }
  });
});

it("a model never reads agents' ids, nor run ids, through toolkits", async () => {
  const fake = fakeToolkit({ run: { note: ({ labels }) => labels.join(" ") } });
  const made = team({ "secret-a": duo.a, "secret-b": duo.b }, { toolkits: [fake] });
  const { run } = await play(made);
  for (const backend of Object.values(made.backends)) {
    for (const request of backend.requests) {
      expect(allText(request)).not.toMatch(/secret-/);
      expect(allText(request)).not.toContain(run.runId);
    }
  }
});
