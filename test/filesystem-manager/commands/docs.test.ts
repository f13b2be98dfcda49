import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { commandSettings } from "../../../src/filesystem-manager/commands/options.js";

it("docs/commands.md names every option", () => {
  const text = readFileSync(new URL("../../../docs/commands.md", import.meta.url), "utf8");
  for (const option of [...Object.keys(commandSettings({})), "allow", "deny"]) expect(text).toMatch(new RegExp(`^\\|.*\`${option}\``, "m"));
});
