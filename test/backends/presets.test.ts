import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type BackendConfig, backendTypes, createBackend } from "../../src/backends/create-backend.js";
import { type Preset, presetAtHost, presets } from "../../src/backends/presets.js";

const docs = readFileSync(new URL("../../docs/backends.md", import.meta.url), "utf8");

test("the table in docs/backends.md is the table of presets", () => {
  const rows = Object.entries<Preset>(presets).map(([type, preset]) => {
    const keys = preset.keyEnv.map((name) => `\`${name}\``).join(", ") + (preset.keyless ? " (optional)" : "");
    return `| \`${type}\` | ${preset.label} | \`${preset.baseUrl}\` | ${keys} | ${preset.baseUrlEnv ? `\`${preset.baseUrlEnv}\` ` : ""}|`;
  });
  const documented = docs.split("\n").filter((line) => /^\| `[a-z]+` \|.*https?:/.test(line));
  expect(documented).toEqual(rows);
});

test("every type can be made, with a base URL as it stands in the table", () => {
  for (const type of backendTypes) {
    // A resource of one's own has no address that a table could know.
    const own = type === "azure_openai" && { baseUrl: "https://my-resource.openai.azure.com" };
    const backend = createBackend({ type, model: "m", ...own } as BackendConfig);
    expect(backend.model).toBe("m");
    expect(backend.capabilities.tools).toBe(true);
  }
  for (const [type, preset] of Object.entries<Preset>(presets)) {
    expect(createBackend({ type, model: "m" } as BackendConfig)).toMatchObject({ type, baseUrl: preset.baseUrl });
  }
});

test("hosted presets are known by their host, local ones are not", () => {
  expect(presetAtHost("api.groq.com")).toBe("groq");
  expect(presetAtHost("api.moonshot.ai")).toBe("moonshot");
  expect(presetAtHost("api.together.ai")).toBe("together");
  expect(presetAtHost("api.studio.nebius.com")).toBe("nebius");
  expect(presetAtHost("localhost:8000")).toBeUndefined();
  expect(presetAtHost("constructor")).toBeUndefined();
  expect(presetAtHost("evil-api.groq.com.example")).toBeUndefined();
});
