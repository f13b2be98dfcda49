import { join } from "node:path";
import { ConfigError } from "../errors.js";
import type { OrchestratorOptions } from "../orchestrator/options.js";
import { Orchestrator } from "../orchestrator/orchestrator.js";
import { type Run, RunError } from "../orchestrator/run.js";
import { type Display, jsonDisplay, plainDisplay, quietDisplay } from "./displays.js";
import { EXIT, type Io } from "./io.js";
import { liveDisplay } from "./live-display.js";
import type { Flags } from "./program.js";
import { askForRequests, type Requests, refuseRequests } from "./requests.js";
import { makeStyle } from "./style.js";
import { discoverTeam, teamOf } from "./team.js";

/** What an orchestrator allows when nothing is said. */

type DisplayType = "rich_terminal" | "terminal" | "simple" | "silent" | undefined;

interface Job {
  options: OrchestratorOptions;
  /** Said before the run begins. */
  notice?: string;
  display?: DisplayType;
  close?(): Promise<void>;
}

/** Puts the question to the team that the flags and the environment ask for; resolves with the exit code. */
export async function ask(words: readonly string[], flags: Flags, io: Io, help: () => string): Promise<number> {
  checkFlags(flags);
  // `massgen demo`, and `massgen demo "a question"`: an unquoted question that begins with this word is longer.
  const demo = flags.demo === true || (words[0] === "demo" && words.length <= 2 && !flags.config && !flags.backend);
  const question = await questionOf(demo && words[0] === "demo" && !flags.demo ? words.slice(1) : words, demo, io);
  if (question === "") {
    io.stderr.write(`${help()}\nmassgen: there is no question. Give one in quotes, or pipe it in.\n`);
    return EXIT.config;
  }
  const stop = new AbortController();
  let interrupts = 0;
  let run: Run | undefined;
  let display: Display | undefined;
  let answered = false;
  let requests: Requests | undefined;
  const interrupt = (signal: "SIGINT" | "SIGTERM") => {
    interrupts++;
    if (run && answered && interrupts === 1 && signal === "SIGINT") {
      display?.note("Presenting the best answer so far. Ctrl-C again to stop at once.");
      run.finish();
    } else stop.abort("interrupted");
  };
  const off = io.onInterrupt(interrupt);
  let left = false;
  const onOutputError = (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") return;
    left = true;
    stop.abort("nobody reads the output");
  };
  io.stdout.on("error", onOutputError);
  io.stderr.on("error", onOutputError);

  let job: Job | undefined;
  try {
    job = await jobOf(flags, demo, io, stop.signal);
    if (flags.timeout !== undefined) {
      job.options = { ...job.options, timeout: { ...job.options.timeout, run: Number(flags.timeout) * 1000 } };
    }
    if (flags.record !== undefined) job.options = { ...job.options, record: flags.record };
    if (job.notice !== undefined && !flags.quiet) io.stderr.write(`${job.notice}\n\n`);
    await using orchestrator = new Orchestrator(job.options);
    display = displayOf(flags, job.display, question, io);
    run = orchestrator.run(question, { signal: stop.signal });
    const onTerminal = io.stdin.isTTY === true && io.stdout.isTTY === true && !flags.json && !flags.quiet;
    requests = onTerminal
      ? askForRequests(run, io.stdin, display, () => interrupt("SIGINT"))
      : refuseRequests(run, (line) => void io.stderr.write(`massgen: ${line}\n`));
    for await (const event of run) {
      if (event.type === "answer") answered = true;
      if (!left) await display.show(event);
      if (event.type === "input-request") requests.take(event);
    }
    try {
      const result = await run.result;
      if (!left) await display.finish(result);
      if (interrupts > 0 || left) return EXIT.interrupted;
      return result.reason === "deadline" ? EXIT.timeout : EXIT.ok;
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      display.close();
      if (interrupts > 0 || left) {
        if (!left) io.stderr.write("massgen: interrupted; there is no final answer.\n");
        return EXIT.interrupted;
      }
      io.stderr.write(`massgen: ${error.message}\n`);
      return error.code === "deadline" ? EXIT.timeout : EXIT.execution;
    }
  } catch (error) {
    if (stop.signal.aborted && !(error instanceof ConfigError)) return EXIT.interrupted;
    throw error;
  } finally {
    requests?.close();
    display?.close();
    const { record } = job?.options ?? {};
    if (run !== undefined && record !== undefined && !flags.quiet && !left) {
      io.stderr.write(`Recorded in ${join(typeof record === "string" ? record : record.dir, run.runId)}\n`);
    }
    off();
    await job?.close?.();
    io.stdout.off("error", onOutputError);
    io.stderr.off("error", onOutputError);
  }
}

function checkFlags(flags: Flags): void {
  const { config, backend, demo, json, quiet, timeout } = flags;
  const bad = (message: string) => new ConfigError("bad_option", message);
  const sources = [config !== undefined && "--config", backend !== undefined && "--backend", demo && "--demo"].filter(Boolean);
  if (sources.length > 1) throw bad(`${sources.join(" and ")} each name a team. Keep one of them.`);
  if (json && quiet) throw bad("--json and --quiet ask for different output. Keep one of them.");
  const other = (
    [
      ["output", "report"],
      ["follow", "logs"],
      ["agent", "logs"],
      ["type", "logs"],
      ["phase", "logs"],
    ] as const
  ).find(([flag]) => flags[flag] !== undefined);
  if (other !== undefined) throw bad(`--${other[0]} belongs to \`massgen ${other[1]} <dir>\`, not to a question. Remove it.`);
  if (timeout !== undefined && !(Number(timeout) > 0)) throw bad(`--timeout takes seconds, a number above 0, not "${timeout}".`);
}

async function questionOf(words: readonly string[], demo: boolean, { stdin }: Io): Promise<string> {
  if (words.length > 0) return words.join(" ").trim();
  if (demo) return (await import("./demo.js")).DEMO_QUESTION;
  if (stdin.isTTY) return "";
  let text = "";
  stdin.setEncoding("utf8");
  for await (const piece of stdin) text += piece;
  return text.trim();
}

async function jobOf(flags: Flags, demo: boolean, { env }: Io, signal: AbortSignal): Promise<Job> {
  if (flags.config !== undefined) {
    const { loadConfigWithUi } = await import("../config/parse.js");
    const { options, ui } = await loadConfigWithUi(flags.config);
    return { options, display: ui.display_type };
  }
  if (flags.backend !== undefined) return { options: { agents: teamOf(flags.backend) } };
  const found = demo ? undefined : await discoverTeam(env, signal);
  if (found !== undefined) {
    const notice = `No team was named; asking ${found.why}.\nChoose another with --backend type:model or --config team.yaml.`;
    return { options: { agents: found.agents }, notice };
  }
  const { startDemo } = await import("./demo.js");
  const { agents, close } = await startDemo();
  const why = demo ? "This is a demonstration" : "No API key and no local model server was found: a demonstration";
  const notice = [
    `${why}:`,
    "the replies below are SIMULATED, no model is asked. For real ones",
    "  - set a key: OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, GROQ_API_KEY, …",
    "  - or start vLLM, SGLang or LM Studio on this machine",
    "  - or write a team: massgen --config team.yaml",
  ].join("\n");
  return { options: { agents }, notice, close };
}

function displayOf(flags: Flags, type: DisplayType, question: string, { stdout, stderr, env }: Io): Display {
  if (flags.json) return jsonDisplay(stdout, stderr);
  if (flags.quiet || type === "silent") return quietDisplay(stdout);
  if (!stdout.isTTY || env.TERM === "dumb" || type === "simple") return plainDisplay(stdout, question);
  return liveDisplay(stdout, question, makeStyle(flags.color && !env.NO_COLOR));
}
