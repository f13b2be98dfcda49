import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { coordinationTable, listRecords, readRecord, renderReport } from "../../src/run-record/index.js";
import { callTool, newAnswer, vote, wait } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";
import { play, team } from "../orchestrator/helpers.js";
import { historyOf, type LivelyOptions, livelyTeam, playLively } from "./lively-team.js";

const execute = promisify(execFile);
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
const CORPUS = fileURLToPath(new URL("../../../shared/corpora/naughty-strings.json", import.meta.url));
const MARKER = "<script>document.title = 'EXECUTED'</script><img src=x onerror=\"document.title='EXECUTED'\"></script>\u2028\u2029";

if (CHROMIUM === undefined) console.log("report.test: no Chromium here (Debian: apt-get install chromium); the page is not loaded");
if (!existsSync(CORPUS)) console.log("report.test: ../shared/corpora/naughty-strings.json is not here; its strings are not tried");

async function pageOf(options: LivelyOptions, question: string): Promise<string> {
  const { run, events } = await playLively(livelyTeam(options), question);
  const { cost, costByAgent, usage } = run.soFar;
  return renderReport({ history: historyOf(events), question, cost, costByAgent, ledger: usage.ledger });
}

/** Events of a run whose first agent reads more than its window holds. */
async function compactedRun(): Promise<CoordinationEvent[]> {
  const read = tool({ name: "read", description: "Reads.", input: { type: "object" }, execute: () => "dust and paper. ".repeat(400) });
  const script = {
    a: [...Array.from({ length: 12 }, () => callTool("read", {})), newAnswer("A"), vote("agent1"), "Final."],
    b: [newAnswer("B"), vote("agent1")],
  };
  const compaction = { methods: ["clear" as const, "trim" as const] };
  const agents = { a: { tools: [read], backend: { capabilities: { contextWindow: 8_000 } } } };
  return (await play(team(script, { agents, compaction, maxSteps: 50 }))).events;
}

/** A run of twelve agents, with so many tool calls in their drafts that it has `count` events. */
async function longRun(count: number): Promise<CoordinationEvent[]> {
  const { events } = await playLively(livelyTeam({ agents: 12, seed: 4 }));
  const drafts = events.filter((event) => event.type === "step-start" && event.phase === "draft");
  const [first, last] = [events[0]!, events.find(({ type }) => type === "epoch-start")!];
  const calls = Math.ceil((count - events.length) / 2);
  const added = Array.from({ length: calls }, (_, i) => {
    const { type, ...step } = drafts[i % drafts.length]!;
    const call = { ...step, time: first.time + ((last.time - first.time) * i) / calls, toolCallId: `call_${i}`, toolName: "search" };
    return [
      { ...call, type: "tool-call", input: { q: `page ${i}` } },
      { ...call, type: "tool-result", output: "found", isError: i % 50 === 0 },
    ];
  }).flat() as CoordinationEvent[];
  const at = events.indexOf(last);
  const all = [...events.slice(0, at), ...added.slice(0, count - events.length), ...events.slice(at)];
  return all.map((event, seq) => ({ ...event, seq }));
}

interface Loaded {
  dom: string;
  console: string[];
  ms: number;
}

/** Loads a page in Chromium; gives the DOM that its script left behind and what was said on the console. */
async function load(page: string, ...flags: string[]): Promise<Loaded> {
  const dir = mkdtempSync(join(tmpdir(), "massgen-report-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  const file = join(dir, "report.html");
  writeFileSync(file, page);
  const started = performance.now();
  const { stdout, stderr } = await execute(
    CHROMIUM as string,
    [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", `--user-data-dir=${join(dir, "profile")}`],
      ...[...flags, "--dump-dom", pathToFileURL(file).href],
    ],
    { maxBuffer: 1 << 28, timeout: 60_000 },
  );
  return { dom: stdout, ms: performance.now() - started, console: stderr.split("\n").filter((line) => line.includes("CONSOLE")) };
}

/** The page with more code, which its policy then allows too. */
function withScript(page: string, code: string): string {
  const hash = (text: string) => createHash("sha256").update(text).digest("base64");
  const script = page.slice(page.indexOf("<script>") + 8, page.indexOf("</script>"));
  expect(page).toContain(hash(script));
  return page.replace(hash(script), () => hash(script + code)).replace(script, () => script + code);
}

describe("the report", () => {
  it("says at the top what was asked, who won, with how many votes and why", async () => {
    const page = await pageOf({ agents: 3, seed: 5 }, "Which index?");
    const head = page.slice(0, page.indexOf('id="timeline-title"'));
    expect(head).toContain(">Which index?</h1>");
    expect(head).toMatch(/<\/span> \w+ won <span class="with">with its answer <code>agent\d\.\d<\/code>/);
    expect(head).toMatch(
      /<b>\d of \d votes<\/b> \(without those for the voter’s own answer\), as many as \w+: of equals the answer that was given first wins\. Everyone still standing had voted\./,
    );
    expect(head).toMatch(/<p class="because" dir="auto">“[^”]+” <small>\w+<\/small>/);
    expect(head).toContain("Final answer");
    for (const section of ["Timeline", "Answers", "Tokens and cost"]) expect(page).toContain(`>${section}</h2>`);
  });

  it("marks what a version changed, and what no longer counts", async () => {
    const page = await pageOf({ agents: 4, seed: 8 }, "q");
    expect(page).toContain("<ins>");
    expect(page).toMatch(/\d+ votes that no longer count/);
    expect(page).toMatch(/class="turn evaluate cut"[^>]*data-tip="\w+ evaluates ✕ interrupted: new-answer/);
  });

  it("says of the winner that it has more votes than any other, where others have some", async () => {
    const page = await pageOf({ agents: 12, seed: 4 }, "q");
    expect(page).toMatch(
      /<b>\d+ of \d+ votes<\/b>(?: \(without those for the voter’s own answer\))?, more than any other answer\. Everyone still standing had voted\./,
    );
  });

  it("counts the votes for an answer as the decision did: without the one of its author", async () => {
    const { run, events } = await playLively(livelyTeam({ agents: 4, seed: 8 }));
    const { label, votes, answers } = await run.result;
    const score = answers.find(({ winner }) => winner)?.score as number;
    expect(score).toBeLessThan(votes.filter((vote) => vote.label === label).length);
    const page = renderReport({ history: historyOf(events) });
    const counted = answers.reduce((sum, each) => sum + each.score, 0);
    expect(counted).toBeLessThan(votes.length);
    expect(page).toContain(`<b>${score} of ${counted} votes</b> (without those for the voter’s own answer)`);
    expect(page).toMatch(new RegExp(`<code>${label}</code> <small>epoch \\d · ${score} votes</small>`));
    expect(page).toContain("own answer, not counted");
  });

  it("says where the winner has only its own vote, and where there is no vote at all", async () => {
    const usage = { inputTokens: 9_000, outputTokens: 1_000 };
    const script = { a: [newAnswer("A"), [wait(10), vote("agent1")]], b: [newAnswer("B"), [wait(20), vote("agent1")]] };
    const agents = { a: { backend: { usage } }, b: { backend: { usage } } };
    const headAt = async (maxTokens: number) =>
      renderReport({ history: historyOf((await play(team(script, { agents, budget: { maxTokens } }))).events) });
    expect(await headAt(30_000)).toContain("<b>1 of 1 vote</b>, its own. The budget had no room for more: it is the best so far.");
    expect(await headAt(20_000)).toContain(
      "<p>No vote counts, so the oldest answer wins. The budget had no room for more: it is the best so far.",
    );
  });

  it("needs nothing from elsewhere", async () => {
    const page = await pageOf({ agents: 12, seed: 4 }, "q");
    expect(page).not.toMatch(/https?:\/\//);
    expect(page).not.toMatch(/<(link|iframe|object|embed|base)\b/);
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).toContain("default-src 'none'");
  });

  it("shows what there is of a run that never ended, failed, or has no events", async () => {
    const { events } = await playLively(livelyTeam({ seed: 5 }));
    for (let length = 0; length < events.length; length += 7) {
      const page = renderReport({ history: historyOf(events.slice(0, length)) });
      expect(page).toContain(length === 0 ? "the question is not in this record" : ">Which index fits this query, and why?</h1>");
      if (!events.slice(0, length).some(({ type }) => type === "consensus"))
        expect(page).toContain("The record breaks off before a decision.");
    }
    const failed = [
      {
        type: "run-error",
        runId: "r",
        seq: 0,
        time: 0,
        error: { name: "E", code: "no_answer", message: "nobody" },
        usage: { inputTokens: 1, outputTokens: 1 },
      },
    ];
    expect(renderReport({ history: historyOf(failed as unknown as CoordinationEvent[]) })).toContain("nobody (no_answer)");
  });

  it("tells of a run's events alone what was asked, with which files, and what it cost", async () => {
    const png = Buffer.alloc(12_345).toString("base64");
    const content = [
      { type: "text" as const, text: "What is <that>?" },
      { type: "file" as const, mediaType: "image/png", data: png },
      { type: "file" as const, mediaType: "application/pdf", data: "https://example.com/a.pdf" },
    ];
    const prices = { scripted: { "model-a": { input: 10, output: 10 } } };
    const usage = { inputTokens: 9_000, outputTokens: 1_000 };
    const solo = team({ a: ["A cat."] }, { agents: { a: { backend: { usage } } }, prices });
    const { events, result } = await play(solo, { input: [{ role: "user", content }] });
    const dir = mkdtempSync(join(tmpdir(), "massgen-report-"));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const file = join(dir, "kept", "events.jsonl");
    mkdirSync(join(dir, "kept"));
    writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    const record = await readRecord(file);
    expect([record.cost, record.costByAgent]).toEqual([result.cost, result.costByAgent]);
    const page = renderReport(record);
    expect(page).toContain('>What is &lt;that&gt;?</h1><p class="fine">with image/png (12.3 KB), application/pdf</p>');
    expect(page).toContain("$0.100");
    expect(page).not.toContain(png.slice(0, 100));
    expect(await listRecords(dir)).toMatchObject([{ question: "What is <that>?", cost: result.cost }]);
  });

  it("shows in the timeline when a budget had been used up how far, by the team and by an agent", async () => {
    const usage = { inputTokens: 9_000, outputTokens: 1_000 };
    const script = { a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] };
    const budget = { maxTokens: 100_000, maxTokensPerAgent: 40_000, warnAt: [0.2, 0.5] };
    const { events } = await play(team(script, { agents: { a: { backend: { usage } }, b: { backend: { usage } } }, budget }));
    const history = historyOf(events);
    expect(history.notes.filter(({ budget }) => budget !== undefined)).toHaveLength(6);
    const page = renderReport({ history });
    expect(page).toMatch(
      /class="epoch budget"[^>]*title="warning: 50 % of a budget: 50000 of the 100000 of budget\.maxTokens are spent\."><span>50 %<\/span>/,
    );
    expect(page).toMatch(/class="mark budget[^>]*title="b: warning: 25 % of a budget[^>]*>!<em>20 %<\/em>/);
  });

  it("shows in the timeline where a conversation was compacted, how and by how much", async () => {
    const history = historyOf(await compactedRun());
    const notes = history.notes.filter(({ compaction }) => compaction !== undefined);
    expect(notes.length).toBeGreaterThan(1);
    const { tokensBefore = 0, tokensAfter = 0, method } = notes[0]!.compaction!;
    expect(tokensAfter).toBeLessThan(tokensBefore);
    expect(notes[0]!.text).toMatch(new RegExp(`^history compacted \\(${method}\\): \\S+ → \\S+ tokens`));
    const page = renderReport({ history });
    expect(page.match(/class="mark compaction/g)).toHaveLength(notes.length);
    expect(page).toContain(`title="a: ${notes[0]!.text}">⇊<em>${method}</em>`);
    expect(page).toContain("⇊ compaction</span>");
    expect(await pageOf({ agents: 3, seed: 5 }, "q")).not.toContain("⇊");
  });

  it("leaves no text of a model, question or provider unescaped", async () => {
    const page = await pageOf({ agents: 3, seed: 5, suffix: MARKER }, MARKER);
    const { run, events } = await playLively(livelyTeam({ agents: 2, seed: 1 }));
    const strange = events.map((event) =>
      JSON.parse(JSON.stringify(event).replaceAll("gpt", "<b onclick=x>").replaceAll("agent1.1", "<i>")),
    );
    for (const each of [page, renderReport({ history: historyOf(strange), question: run.runId })]) {
      expect(each.match(/<script/g)).toHaveLength(1);
      expect(each).not.toMatch(/<(img|b onclick|i>)/);
    }
    const table = coordinationTable(historyOf(strange), "a | b\n<script>", "markdown");
    expect(table).toContain("a \\| b \\<script\\>");
  });

  it.skipIf(CHROMIUM === undefined)(
    "loads in Chromium, in light and dark, without a word on the console",
    { timeout: 120_000 },
    async () => {
      for (const agents of [3, 12]) {
        const page = await pageOf({ agents, seed: 4 }, "Which index?");
        for (const flags of [[], ["--blink-settings=preferredColorScheme=0"]]) {
          const { dom, console } = await load(page, ...flags);
          expect(console).toEqual([]);
          // Its script has run: the zoom is offered.
          expect(dom).toContain('<div class="zoom">');
          expect(dom.match(/class="row"/g)).toHaveLength(agents);
        }
      }
    },
  );

  it("stays small where a run has 50,000 events, and loads", { timeout: 120_000 }, async () => {
    const events = await longRun(50_000);
    expect(events).toHaveLength(50_000);
    const started = performance.now();
    const page = renderReport({ history: historyOf(events), question: "Which index?" });
    const made = performance.now() - started;
    expect(page.length).toBeLessThan(250_000);
    if (CHROMIUM === undefined) return;
    const empty = await load("<!doctype html><title>empty</title>");
    const { dom, ms, console: said } = await load(page);
    expect(said).toEqual([]);
    expect(dom.match(/class="row"/g)).toHaveLength(12);
    console.log(
      `report of 50,000 events: made in ${made.toFixed(0)} ms, ${(page.length / 1000).toFixed(0)} KB, loaded in ${(ms - empty.ms).toFixed(0)} ms more than an empty page`,
    );
  });

  it.skipIf(CHROMIUM === undefined)(
    "zooms by its buttons and keys, and tells of a turn that has the focus",
    { timeout: 60_000 },
    async () => {
      const page = await pageOf({ agents: 3, seed: 5 }, "Which index?");
      const plain = await load(withScript(page, ""));
      expect(plain.dom).not.toContain("--zoom: ");
      const acts = `
      document.querySelector('[data-zoom="2"]').click();
      const scroll = document.querySelector(".scroll");
      scroll.dispatchEvent(new KeyboardEvent("keydown", { key: "+" }));
      scroll.dispatchEvent(new KeyboardEvent("keydown", { key: "=" }));
      scroll.dispatchEvent(new KeyboardEvent("keydown", { key: "-" }));
      document.querySelector(".turn").dispatchEvent(new FocusEvent("focusin", { bubbles: true }));`;
      const { dom, console } = await load(withScript(page, acts));
      expect(console).toEqual([]);
      expect(dom).toContain('class="plot zoomed" style="--zoom: 4;"');
      expect(dom).toMatch(/id="tip" role="status"(?! hidden)[^>]*>\w+ drafts → a new answer/);
    },
  );

  it.skipIf(CHROMIUM === undefined)("runs nothing that models wrote", { timeout: 120_000 }, async () => {
    const { dom, console } = await load(await pageOf({ agents: 3, seed: 4, suffix: MARKER }, `${MARKER} asked`));
    expect(console).toEqual([]);
    expect(dom).not.toContain("<title>EXECUTED");
    expect(dom.match(/<script/g)).toHaveLength(1);
  });

  it.skipIf(CHROMIUM === undefined || !existsSync(CORPUS))("shows every naughty string as it is", { timeout: 120_000 }, async () => {
    const strings = (JSON.parse(readFileSync(CORPUS, "utf8")) as string[]).filter((text) => text.trim() !== "");
    const events = strings.map((content, seq) => {
      const label = `agent1.${seq + 1}`;
      return {
        type: "answer",
        runId: "r",
        seq,
        time: seq,
        agentId: "a",
        turnId: `t${seq}`,
        phase: "draft",
        attempt: 1,
        epoch: 0,
        label,
        content,
      };
    }) as CoordinationEvent[];
    const vote = {
      type: "vote",
      runId: "r",
      seq: events.length,
      time: events.length,
      agentId: "a",
      turnId: "t",
      phase: "evaluate",
      attempt: 1,
      epoch: 1,
      targetAgentId: "a",
      label: "agent1.1",
      reason: strings.join(" "),
    };
    const page = renderReport({ history: historyOf([...events, vote as CoordinationEvent]), question: strings.join("\n") });
    const { dom, console } = await load(page);
    expect(console).toEqual([]);
    expect(dom.match(/<script/g)).toHaveLength(1);
    expect(dom).not.toMatch(/<(img|iframe|svg onload|marquee|body on)/i);
    // The first answer has no version before it, so it stands there whole; all of them do in the question.
    const shown = dom.slice(dom.indexOf("<h1"), dom.indexOf("</h1>")).replace(/^<h1[^>]*>/, "");
    const read = shown
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&quot;", '"')
      .replaceAll("&nbsp;", "\u00a0")
      .replaceAll("&amp;", "&");
    for (const text of strings) {
      if (/[\p{Cc}\p{Cs}]/u.test(text)) continue;
      expect(read).toContain(text);
    }
  });
});

describe("the coordination table", () => {
  it("has a column per agent, a row per event, and lines of one width", async () => {
    const { events } = await playLively(livelyTeam({ agents: 4, seed: 8 }));
    const history = historyOf(events);
    const lines = coordinationTable(history, "Which index?\nAnd why?", "text").trimEnd().split("\n").slice(3);
    expect(new Set(lines.map((line) => [...line].length)).size).toBe(1);
    expect(lines.find((line) => line.includes("Question"))).toContain("Which index? And why?");
    for (const { label } of history.answers) expect(lines.some((line) => line.includes(`new answer ${label}`))).toBe(true);
    const order = ["new answer agent4.1", "epoch 1:", "votes ", "winner: "].map((text) => lines.findIndex((line) => line.includes(text)));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(lines.some((line) => line.includes("[void: new"))).toBe(true);
  });
});
