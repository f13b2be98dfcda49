import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { type Emulator, type ReplyRule, simulatedTeam, startEmulator } from "../../src/testing/index.js";
import { gate, run, start, teamFile } from "./support.js";

const MODELS = ["ada", "ben", "cleo"];
const FINAL = "Simulated final answer";
const team = simulatedTeam({ improves: (model) => model === "cleo" });

async function withServer<T>(respond: ReplyRule, use: (server: Emulator) => Promise<T>): Promise<T> {
  await using server = await startEmulator({ respond });
  return await use(server);
}

describe("massgen", () => {
  it("prints its help on stdout", async () => {
    const { code, out, err } = await run(["--help"]);
    expect(out).toMatch(/^Usage: massgen \[options\] "question"/);
    for (const flag of ["--config", "--backend", "--demo", "--timeout", "--json", "--quiet", "--no-color", "--version"])
      expect(out).toContain(flag);
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });

  it("prints its version", async () => {
    expect(await run(["--version"])).toEqual({ code: 0, out: "1.2.3\n", err: "" });
  });

  it("refuses what it does not know, with the nearest flag", async () => {
    const { code, err } = await run(["--jsno", "hi"]);
    expect(code).toBe(1);
    expect(err).toContain("--json");
  });

  it("shows how it is used when there is no question", async () => {
    const { code, out, err } = await run([]);
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(err).toMatch(/Usage: massgen[\s\S]*there is no question/);
    expect((await run([], { stdin: " \n" })).code).toBe(1);
  });

  it.each([
    [["--json", "--quiet", "q"], "--json and --quiet"],
    [["--demo", "--config", "x.yaml", "q"], "--config and --demo"],
    [["--timeout", "soon", "q"], "--timeout takes seconds"],
    [["--config", "no-such.yaml", "q"], "there is no such file"],
    [["--backend", "vlm", "q"], 'Did you mean "vllm"?'],
    [["--backend", "groq:", "q"], "is not type:model"],
  ])("%j is a configuration error", async (args, message) => {
    const { code, err } = await run(args);
    expect(code).toBe(1);
    expect(err).toContain(message);
  });
});

describe("output that is piped", () => {
  it("tells the run in plain lines, then the final text", async () => {
    await withServer(team, async ({ baseUrl }) => {
      const { code, out, err } = await run(["--config", teamFile(baseUrl, MODELS), "Which", "index?"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain("massgen: 3 agents on “Which index?”: ada (ada), ben (ben), cleo (cleo)\n");
      expect(out).toContain("agent1 ada: drafting\n");
      expect(out).toMatch(/agent2 ben: answers agent2\.1: Simulated answer/);
      expect(out).toMatch(/massgen: Epoch 2: .*agent3\.2/);
      expect(out).toMatch(/agent1 ada: votes for agent3\.2: It says/);
      expect(out).toContain("massgen: agent3.2 by cleo wins with 3 of 3 votes\n");
      expect(out).toContain(`\n\n${FINAL}`);
      expect(out).toMatch(/massgen: agent3\.2 by cleo · 3 of 3 votes · consensus · 2 epochs · (about )?[\d,]+ tokens · [\d.]+ s\n$/);
      expect(out).not.toContain("\u001b");
    });
  });

  it.each([
    [MODELS, /tokens · (about )?\$\d+\.\d\d · [\d.]+ s\n$/],
    [["ada", "ben"], /tokens · ≥ \$\d+\.\d\d · [\d.]+ s\n$/],
  ])("sums up what it cost, with prices for %j", async (priced, summary) => {
    const vllm = Object.fromEntries(priced.map((model) => [model, { input: 1000, output: 1000 }]));
    await withServer(team, async ({ baseUrl }) => {
      const { out } = await run(["--config", teamFile(baseUrl, MODELS, { orchestrator: { prices: { vllm } } }), "Which index?"]);
      expect(out).toMatch(summary);
    });
  });

  it("is the final text alone with --quiet, and with display_type: silent", async () => {
    await withServer(team, async ({ baseUrl }) => {
      const { code, out, err } = await run(["--quiet", "--config", teamFile(baseUrl, MODELS), "Which index?"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out.startsWith(FINAL)).toBe(true);
      expect(out.endsWith("\n")).toBe(true);
      const silent = teamFile(baseUrl, MODELS, { ui: { display_type: "silent" } });
      expect((await run(["--config", silent, "Which index?"], { columns: 80 })).out).toBe(out);
    });
  });

  it("is one event a line with --json", async () => {
    await withServer(team, async ({ baseUrl }) => {
      const { code, out, err } = await run(["--json", "--config", teamFile(baseUrl, MODELS), "Which index?"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const events = out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as CoordinationEvent & { fromSeq?: number });
      let next = 0;
      for (const { seq, fromSeq = seq } of events) {
        expect(fromSeq).toBe(next);
        next = seq + 1;
      }
      expect(events[0]!.type).toBe("run-start");
      expect(events.at(-1)).toMatchObject({ type: "run-finish", winner: "cleo" });
    });
  });

  it("the question may be piped in", async () => {
    await withServer(team, async ({ baseUrl, requests }) => {
      const { out } = await run(["--quiet", "--config", teamFile(baseUrl, ["ada"])], { stdin: "Which index,\nand why?\n" });
      expect(out).toContain("Which index, and why?");
      expect(JSON.stringify(requests[0]!.body)).toContain("Which index,\\nand why?");
    });
  });

  it("that nobody reads any more stops the run", async () => {
    const held = gate();
    const respond: ReplyRule = async (prompt, info) => {
      if (prompt.model !== "ada") await held.opened;
      return team(prompt, info);
    };
    await withServer(respond, async ({ baseUrl }) => {
      const program = start(["--config", teamFile(baseUrl, MODELS), "q"]);
      await program.saw("agent1.1");
      program.breakPipe();
      held.open();
      expect(await program.exit).toBe(4);
      expect(program.err()).toBe("");
    });
  });
});

describe("the exit code", () => {
  it("is 1, and every problem is named, for a bad config", async () => {
    const path = teamFile("http://127.0.0.1:1/v1", MODELS, { orchestrater: {}, ui: { display_type: "fancy" } });
    const { code, err } = await run(["--config", path, "q"]);
    expect(code).toBe(1);
    expect(err).toMatch(/for 2 reasons:[\s\S]*\d+:\d+ {2}orchestrater .*"orchestrator"[\s\S]*ui\.display_type must be one of/);
  });

  it("is 2 when the provider refuses", async () => {
    const refuse: ReplyRule = () => ({ fault: { type: "status", status: 401, message: "Wrong key." } });
    await withServer(refuse, async ({ baseUrl }) => {
      const { code, err } = await run(["--config", teamFile(baseUrl, MODELS, { orchestrator: { max_agent_failures: 1 } }), "q"]);
      expect(code).toBe(2);
      expect(err).toMatch(/^massgen: .*401|[Ww]rong key/);
    });
  });

  it("is 3 at the timeout: with the best answer where there is one, with an error where there is none", async () => {
    const slow: ReplyRule = (prompt, info) =>
      prompt.model === "ada" ? team(prompt, info) : { fault: { type: "stall", before: "headers" } };
    await withServer(slow, async ({ baseUrl }) => {
      const some = await run(["--timeout", "0.4", "--config", teamFile(baseUrl, MODELS), "q"]);
      expect(some.code).toBe(3);
      expect(some.out).toContain("Simulated answer from");
      const none = await run(["--timeout", "0.2", "--config", teamFile(baseUrl, ["ben", "cleo"]), "q"]);
      expect(none.code).toBe(3);
      expect(none.err).toContain("deadline");
    });
  });

  it("is 4 after Ctrl-C, at once while nobody has answered", async () => {
    await withServer(
      () => ({ fault: { type: "stall" } }),
      async ({ baseUrl, until }) => {
        const program = start(["--config", teamFile(baseUrl, MODELS), "q"]);
        await until((requests) => requests.length === 3);
        program.interrupt();
        expect(await program.exit).toBe(4);
        expect(program.err()).toContain("interrupted; there is no final answer");
        expect(program.listening()).toBe(false);
      },
    );
  });

  it("is 4 after Ctrl-C, with the best answer so far when there is one", async () => {
    const respond: ReplyRule = (prompt, info) =>
      prompt.model === "ada" || prompt.tools.length === 0 ? team(prompt, info) : { fault: { type: "stall" } };
    await withServer(respond, async ({ baseUrl }) => {
      const program = start(["--config", teamFile(baseUrl, MODELS), "q"]);
      await program.saw("agent1.1");
      program.interrupt();
      expect(await program.exit).toBe(4);
      expect(program.out()).toContain("Presenting the best answer so far");
      expect(program.out()).toContain(FINAL);
    });
  });

  it("is 4 after a second Ctrl-C, at once", async () => {
    const respond: ReplyRule = (prompt, info) => {
      const drafts = prompt.tools.length > 0 && prompt.model === "ada";
      return drafts ? team(prompt, info) : { fault: { type: "stall" } };
    };
    await withServer(respond, async ({ baseUrl }) => {
      const program = start(["--config", teamFile(baseUrl, MODELS), "q"]);
      await program.saw("agent1.1");
      program.interrupt();
      await program.saw("writing the final answer");
      program.interrupt();
      expect(await program.exit).toBe(4);
      expect(program.out()).not.toContain(FINAL);
    });
  });
});

describe("the demonstration", { timeout: 60_000 }, () => {
  it("runs when there is no key and no server; it says that it is simulated and what to set for real replies", async () => {
    const real = globalThis.fetch;
    const usual = /^http:\/\/localhost:(8000|30000|1234)\//;
    vi.stubGlobal("fetch", (url: string | URL | Request, init?: RequestInit) =>
      usual.test(String(url)) ? Promise.reject(new TypeError("nobody listens")) : real(url, init),
    );
    onTestFinished(() => {
      vi.unstubAllGlobals();
    });
    const { code, out, err } = await run(["Which index?"]);
    expect(code).toBe(0);
    expect(err).toMatch(/^No API key and no local model server[\s\S]*SIMULATED[\s\S]*OPENAI_API_KEY[\s\S]*vLLM[\s\S]*--config/);
    expect(out).toContain("brisk (simulated-brisk-v2), careful (simulated-careful-7b), thorough (simulated-thorough-8b)");
    expect(out).toMatch(/has a better answer/);
    expect(out).toContain(FINAL);
  });

  it.each([[["demo"]], [["demo", "Which index?"]], [["--demo", "Which index?"]]])("%j runs it, whatever keys are set", async (args) => {
    const program = start(args, { env: { OPENAI_API_KEY: "never used here" } });
    await program.saw("agent1 brisk: drafting");
    program.interrupt("SIGTERM");
    expect(await program.exit).toBe(4);
    expect(program.err()).toContain("SIMULATED");
    expect(program.out()).toContain(args.length === 1 ? "on “Should a small team" : "on “Which index?”");
  });
});

describe("a provider's error", () => {
  it("is told in full once", async () => {
    const broken: ReplyRule = () => ({ fault: { type: "status", status: 503, message: "Overloaded today." } });
    await withServer(broken, async ({ baseUrl }) => {
      const config = teamFile(baseUrl, ["ada"], { orchestrator: { max_agent_failures: 1, max_step_retries: 2 } });
      const { code, out } = await run(["--config", config, "q"]);
      expect(code).toBe(2);
      expect(out.match(/Overloaded today/g)).toHaveLength(1);
      expect(out).toMatch(
        /trying again: .*Overloaded today[\s\S]*trying again: the same error[\s\S]*failed: the same error[\s\S]*out: it failed/,
      );
    });
  });
});

describe("a terminal", () => {
  it("gets the live view, and its cursor back", async () => {
    await withServer(team, async ({ baseUrl }) => {
      const { code, out } = await run(["--config", teamFile(baseUrl, MODELS), "Which index?"], { columns: 100 });
      expect(code).toBe(0);
      expect(out).toContain("\u001b[?25l");
      expect(out.lastIndexOf("\u001b[?25h")).toBeGreaterThan(out.lastIndexOf("\u001b[?25l"));
      expect(out).toContain("\u001b[36magent1\u001b[39m");
    });
  });

  it.each([
    ["NO_COLOR", [], { NO_COLOR: "1" }],
    ["--no-color", ["--no-color"], {}],
  ])("gets no colours with %s", async (_name, args, env) => {
    await withServer(team, async ({ baseUrl }) => {
      const { out } = await run([...args, "--config", teamFile(baseUrl, MODELS), "Which index?"], { columns: 100, env });
      expect(out).toContain("\u001b[?25l");
      expect(out.split("\u001b[").filter((piece) => /^[\d;]*m/.test(piece))).toEqual([]);
    });
  });

  it.each([
    ["TERM=dumb", { TERM: "dumb" }, {}],
    ["display_type: simple", {}, { ui: { display_type: "simple" } }],
  ])("gets plain lines with %s", async (_name, env, rest) => {
    await withServer(team, async ({ baseUrl }) => {
      const { out } = await run(["--config", teamFile(baseUrl, MODELS, rest), "Which index?"], { columns: 100, env });
      expect(out).not.toContain("\u001b");
      expect(out).toContain("massgen: 3 agents");
    });
  });

  it("is told what of the final text is void", async () => {
    const respond: ReplyRule = (prompt, info) => {
      if (prompt.tools.length > 0) return team(prompt, info);
      return { text: "Half a sentence that breaks off", fault: { type: "reset", afterChunks: 1 } };
    };
    await withServer(respond, async ({ baseUrl }) => {
      const { code, out } = await run(["--no-color", "--config", teamFile(baseUrl, MODELS), "Which index?"], { columns: 100 });
      expect(code).toBe(0);
      expect(out).toMatch(
        /Half a sentence[\s\S]*\(the text above is void: the connection broke\)[\s\S]*\nSimulated answer, second version/,
      );
    });
  });

  it("gets no control characters from a model", async () => {
    const respond: ReplyRule = (prompt, info) =>
      prompt.tools.length > 0 ? team(prompt, info) : { text: "The \u001b[2Jwhole \u0007text." };
    await withServer(respond, async ({ baseUrl }) => {
      const { out } = await run(["--config", teamFile(baseUrl, MODELS), "Which index?"], { columns: 100 });
      expect(out).toContain("\nThe [2Jwhole text.\n");
      expect(out).not.toContain("\u001b[2J");
      expect(out).not.toContain("\u0007");
    });
  });
});
