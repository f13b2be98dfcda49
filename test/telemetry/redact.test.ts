import { describe, expect, it } from "vitest";
import { createRedactor, REDACTED } from "../../src/telemetry/logging/redact.js";

const { text, value } = createRedactor();
const tail = "A1b2C3d4E5f6G7h8J9k0L1m2N3o4P5q6R7s8";

describe("known shapes of secrets", () => {
  it.each([
    ["OpenAI", `sk-proj-${tail}`],
    ["Anthropic", `sk-ant-api03-${tail}-_x`],
    ["OpenRouter", `sk-or-v1-${tail}`],
    ["Cerebras", `csk-${tail}`],
    ["Google", `AIza${tail.slice(0, 35)}`],
    ["Groq", `gsk_${tail}`],
    ["xAI", `xai-${tail}`],
    ["NVIDIA", `nvapi-${tail}`],
    ["Fireworks", `fw_${tail}`],
    ["Together", `tgp_v1_${tail}`],
    ["Z.AI", "0123456789abcdef0123456789abcdef.AbCdEfGhIjKlMnOp"],
    ["GitHub", `ghp_${tail}`],
    ["AWS", "AKIAIOSFODNN7EXAMPLE"],
    ["JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4"],
    ["a private key", `-----BEGIN RSA PRIVATE KEY-----\n${tail}\n${tail}\n-----END RSA PRIVATE KEY-----`],
    ["a private key that was cut", `-----BEGIN PRIVATE KEY-----\n${tail}\n`],
  ])("%s", (_name, secret) => {
    const shown = text(`before ${secret} after`);
    expect(shown).toContain(`before ${REDACTED}`);
    for (const part of secret.split(/[\n.]/).filter((line) => line.length > 12 && !line.startsWith("-----")))
      expect(shown).not.toContain(part);
    if (!secret.endsWith("\n")) expect(shown).toContain("after");
  });

  it.each([
    [`Authorization: Bearer ${tail}`, `Authorization: ${REDACTED}`],
    [`a Bearer ${tail}`, `a Bearer ${REDACTED}`],
    ["https://user:pa55word@host/path", `https://${REDACTED}@host/path`],
    ["https://x/y?key=abcdef&q=1", `https://x/y?key=${REDACTED}&q=1`],
    ["Set-Cookie: sid=abc; Path=/\nnext", `Set-Cookie: ${REDACTED}\nnext`],
    ['{"password":"hunter2","a":1}', `{"password":"${REDACTED}","a":1}`],
    ['{\\"api_key\\":\\"hunter2\\"}', `{\\"api_key\\":\\"${REDACTED}\\"}`],
    ["OPENAI_API_KEY=whatever123 node x", `OPENAI_API_KEY=${REDACTED} node x`],
  ])("%s", (given, shown) => {
    expect(text(given)).toBe(shown);
  });

  it.each([
    "basic authentication and bearer authentication",
    "https://host:8080/path@2x.png",
    "1234 tokens, maxTokens: 50",
    "task-oriented risk-free disk-usage",
    "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
  ])("leaves %j alone", (given) => {
    expect(text(given)).toBe(given);
  });
});

describe("values", () => {
  it("are redacted by their names, at any depth, and counts of tokens are not", () => {
    const given = {
      usage: { inputTokens: 12, outputTokens: 3, cachedInputTokens: 0 },
      maxTokens: 5,
      input: [{ "x-api-key": "plain-old", nested: { Client_Secret: { deep: "er" }, token: "abc", author: "Ada" } }],
      Authorization: "whatever",
      password: null,
    };
    expect(value(given)).toEqual({
      usage: { inputTokens: 12, outputTokens: 3, cachedInputTokens: 0 },
      maxTokens: 5,
      input: [{ "x-api-key": REDACTED, nested: { Client_Secret: REDACTED, token: REDACTED, author: "Ada" } }],
      Authorization: REDACTED,
      password: null,
    });
    expect(given.Authorization).toBe("whatever");
  });

  it("that are the team's own keys are found whatever they look like", () => {
    const own = createRedactor({ secrets: ["plain words key", "short"] });
    expect(own.value({ note: "it is plain words key, in short" })).toEqual({ note: `it is ${REDACTED}, in short` });
  });

  it("survive what JSON cannot hold", () => {
    const cycle: Record<string, unknown> = { big: 1n, bytes: new Uint8Array(3), error: new TypeError(`no sk-proj-${tail}`) };
    cycle.self = cycle;
    const shown = JSON.stringify(value(cycle));
    expect(shown).toContain("[deeper than 12 levels]");
    expect(shown).toContain('"big":"1","bytes":"[3 bytes]"');
    expect(shown).not.toContain(tail);
  });

  it("that are too many or too long are told by number", () => {
    const list = value(Array.from({ length: 6_000 }, (_, i) => i)) as unknown[];
    expect([list.length, list.at(-1)]).toEqual([5_001, "[1000 more]"]);
    expect(text("x".repeat(9_000))).toBe(`${"x".repeat(8_192)}… (cut: 9000 characters)`);
  });

  it("that are cut leave no half of a secret", () => {
    const shown = text(`${"x ".repeat(4_090)}sk-proj-${tail.repeat(3)} ${"y".repeat(9_000)}`);
    expect(shown).not.toContain("sk-proj");
    expect(shown).not.toContain("A1b2");
  });
});

it("takes a time in proportion to the text, whatever the text", () => {
  const unlimited = createRedactor({ maxText: Number.MAX_SAFE_INTEGER });
  const pieces = [
    "://",
    "://a:",
    "a:b",
    "-----BEGIN PRIVATE KEY",
    "-----BEGIN ",
    "bearer ",
    "cookie:",
    "cookie: \n",
    "sk-",
    "eyJ",
    "eyJaaaaaaaaa.",
    "?key=",
    'api_key\\"',
    "password ",
    "api_key=",
    "0123456789abcdef",
    "authorization:",
    "x-",
  ];
  const cpu = (given: string) => {
    const start = process.cpuUsage();
    unlimited.text(given);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  };
  for (const piece of [...pieces, ...pieces.map((each) => `${each} `)]) {
    const given = piece.repeat(Math.ceil(400_000 / piece.length));
    // Quadratic work on 400,000 characters would be minutes.
    expect(cpu(given), piece).toBeLessThan(2_000);
  }
});
