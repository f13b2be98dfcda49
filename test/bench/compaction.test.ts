import { describe, expect, it } from "vitest";
import { replay } from "../../bench/compaction/replay.js";
import { extract } from "../../bench/compaction/stand-in.js";
import { transcripts } from "../../bench/compaction/transcripts.js";
import { SUMMARY_HEADINGS } from "../../src/agent/context-window/prompts.js";
import { estimateTokens } from "../../src/token-manager/estimate.js";

const all = transcripts();
const [coding, , chat] = all;

describe("the transcripts that are compacted", () => {
  it("are the same every time, of 60,000 to 120,000 tokens, each with twenty facts", () => {
    expect(transcripts()).toEqual(all);
    for (const transcript of all) {
      const { history, task, steps, facts } = transcript;
      const tokens = estimateTokens(JSON.stringify([history, task, steps]));
      expect(tokens).toBeGreaterThan(60_000);
      expect(tokens).toBeLessThan(120_000);
      expect(facts).toHaveLength(20);
      const said = [JSON.stringify(history), task, ...steps.flatMap(({ say, result, update }) => [say, result, update ?? ""])].join("\n");
      expect(facts.filter(({ fact }) => !said.includes(fact))).toEqual([]);
    }
  });

  it("are played to their end, and what is sent then is what a provider counts", async () => {
    const { tokens, tokensBefore, plain, requests, method } = await replay(coding!);
    expect(method).toBeUndefined();
    expect(requests).toBe(0);
    expect(tokens).toBeGreaterThan(tokensBefore);
    expect(Math.abs(estimateTokens(plain) / tokens - 1)).toBeLessThan(0.2);
    expect(coding!.facts.filter(({ fact }) => !plain.includes(fact))).toEqual([]);
  });

  it("a provider's own compaction leaves of a chat the user's words and the condensed rest, which is not counted as readable", async () => {
    const { plain, method, requests } = await replay(chat!, { mark: 60_000, methods: ["native"], summaryTokens: 600 });
    expect({ method, requests }).toEqual({ method: "native", requests: 1 });
    const places = new Set(chat!.facts.filter(({ fact }) => plain.includes(fact)).map(({ place }) => place));
    expect([...places]).toEqual(["user"]);
  });
});

describe("the stand-in for a model that summarizes", () => {
  const prompt = (text: string, earlier = "") =>
    `${earlier && `<earlier_summary>\n${earlier}\n</earlier_summary>\n\n`}<conversation>\n${text}\n</conversation>\n\nWrite the summary now.`;

  it("writes under the headings, no more than it may, and carries over what it wrote before", () => {
    const filler = Array.from({ length: 200 }, (_, i) => `The committee questioned the price of grain (${i} of 9900).`).join("\n");
    const first = extract(prompt(`${filler}\nWe decided on walnut veneer for the vestibule.`), 200, "rarity");
    expect(first.split("\n").filter((line) => line.startsWith("## "))).toEqual(SUMMARY_HEADINGS.map((heading) => `## ${heading}`));
    expect(first).toContain("## Decisions\n- We decided on walnut veneer for the vestibule.");
    expect(estimateTokens(first)).toBeLessThan(260);
    expect(extract(prompt(filler, first), 200, "rarity")).toContain("walnut veneer");
  });
});
