import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { play } from "./scenario.js";

// The stories of docs/protocol.md. After a deliberate change: UPDATE_SCENARIOS=1 npx vitest run scenarios, then read the diff.
const folder = new URL("../scenarios/", import.meta.url);

for (const file of readdirSync(folder).filter((name) => name.endsWith(".txt"))) {
  test(`scenario ${file}`, () => {
    const path = new URL(file, folder);
    const written = readFileSync(path, "utf8");
    const played = play(written);
    if (process.env.UPDATE_SCENARIOS === "1") writeFileSync(path, played);
    else expect(played).toBe(written);
  });
}
