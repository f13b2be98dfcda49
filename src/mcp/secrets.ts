import type { ServerAddress } from "./config.js";

/** Takes configured values of `env` and `headers` out of texts. */
export interface Redactor {
  /** For errors, warnings and logs: every value that is long enough to be recognised. */
  all(text: string): string;
  /** For results: only what is a secret by its name, so that an innocent value (`production`) spoils no result. */
  secrets(text: string): string;
}

const SECRET = /key|token|secret|passw|auth|credential|cookie|session/i;
const HARMLESS_HEADERS = /^(accept|content-|user-agent$|mcp-)/i;

export function redactorOf(address: ServerAddress): Redactor {
  const stdio = address.type === "stdio";
  const entries = Object.entries(stdio ? address.env : address.headers);
  const isSecret = (name: string) => (stdio ? SECRET.test(name) : !HARMLESS_HEADERS.test(name));
  // Of `Bearer abc` the part that is secret stands alone elsewhere, too.
  const parts = (value: string) => (stdio ? [value] : [value, ...value.split(/\s+/).slice(1)]);
  const values = (kept: [string, string][], least: number) => kept.flatMap(([, value]) => parts(value)).filter((v) => v.length >= least);
  const all = replacing(values(entries, 4));
  const secret = entries.filter(([name]) => isSecret(name));
  const secrets = replacing(values(secret, 8));
  const login = stdio ? undefined : address.login;
  if (login === undefined) return { all, secrets };
  const withoutTokens = (text: string) => replacing(login.sent)(text);
  return { all: (text) => all(withoutTokens(text)), secrets: (text) => secrets(withoutTokens(text)) };
}

function replacing(values: string[]): (text: string) => string {
  const forms = new Set(values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]));
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((rest, form) => (rest.includes(form) ? rest.replaceAll(form, "[redacted]") : rest), text);
}
