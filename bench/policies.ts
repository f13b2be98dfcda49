// Model calls, tokens and simulated time to consensus, for the `peerAnswers` policies and for the ancestor's rules.
//   npx tsx bench/policies.ts [--quick] [--write]
// `--quick`: 100 runs per cell instead of 2,000. `--write`: puts the tables into bench/POLICIES.md.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Sweep, TEAMS } from "./policies/sweep.js";
import { behaviourTable, optionTable, policyTable, stallTable } from "./policies/tables.js";

const { values } = parseArgs({ options: { quick: { type: "boolean" }, write: { type: "boolean" } } });
const sweep = new Sweep(values.quick ? 100 : 2_000);

const sections: [string, string][] = [
  ["policies", policyTable(sweep)],
  ...TEAMS.map((count): [string, string] => [`behaviour-${count}`, behaviourTable(sweep, count)]),
  ["stalls", stallTable(sweep)],
  ["maxEpochs", optionTable(sweep, "maxEpochs")],
  ["maxEpochs-restless", optionTable(sweep, "maxEpochs", { improve: 0.6, restlessness: 0.9 })],
  ["maxAnswersPerAgent", optionTable(sweep, "maxAnswersPerAgent")],
  ["maxAnswersPerAgent-restless", optionTable(sweep, "maxAnswersPerAgent", { improve: 0.6, restlessness: 0.9 })],
  ["voteGraceMs", optionTable(sweep, "voteGraceMs")],
  ["voteGraceMs-hanging", optionTable(sweep, "voteGraceMs", { hangingVoter: true })],
  ["voteGraceMs-slow", optionTable(sweep, "voteGraceMs", { slowness: 4 })],
  ["draftGraceMs", optionTable(sweep, "draftGraceMs")],
  ["draftGraceMs-slow", optionTable(sweep, "draftGraceMs", { slowness: 4 })],
  ["coalesceMs", optionTable(sweep, "coalesceMs")],
  ["coalesceMs-eager", optionTable(sweep, "coalesceMs", { improve: 0.6 })],
];
const error = `${sweep.runs.toLocaleString("en-US")} runs per cell, seeds 1 to ${sweep.runs}; the standard error of a mean number of calls is at most ${(sweep.worstError * 100).toFixed(1)} %.`;
sections.push(["error", error]);

if (values.write) {
  const path = new URL("./POLICIES.md", import.meta.url);
  let text = readFileSync(path, "utf8");
  for (const [name, content] of sections) {
    const [open, close] = [`<!-- ${name} -->\n`, "\n<!-- end -->"];
    const from = text.indexOf(open);
    const to = text.indexOf(close, from);
    if (from < 0 || to < 0) throw new Error(`bench/POLICIES.md has no place for the table "${name}".`);
    text = text.slice(0, from + open.length) + content + text.slice(to);
  }
  writeFileSync(path, text);
} else {
  for (const [name, content] of sections) console.log(`\n## ${name}\n\n${content}`);
}
