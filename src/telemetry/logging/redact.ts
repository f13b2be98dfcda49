import { isSecretName } from "../secret-names.js";

/** Takes secrets out of whatever is logged. */
export interface Redactor {
  /** A copy without secrets, at any depth. */
  value(value: unknown): unknown;
  text(text: string): string;
}

export interface RedactorOptions {
  /** Values that are secret whatever they look like: the team's own keys. Those of fewer than 8 characters are not looked for. */
  secrets?: readonly string[];
  /** Longer strings are cut, with a note of how much is left out. Default 8,192 characters. */
  maxText?: number;
}

export const REDACTED = "[redacted]";

const MAX_DEPTH = 12;
/** Massgen's own words, numbers and ids, where no secret can be. */
const OWN_NAMES: ReadonlySet<string> = new Set(["run", "turn", "step", "phase", "component", "event", "trace_id", "span_id"]);
/** Values in one record; what comes after them is told by number. */
const MAX_VALUES = 5_000;
/** What is looked at beyond `maxText`, so that the cut does not bare half of a secret. */
const MARGIN = 4_096;

/**
 * Shapes of secrets. Each begins with fixed characters and goes on with one class of them, with nothing optional that could match
 * in two ways, so none takes more than a time in proportion to the text.
 */
const SHAPES: readonly [RegExp, string][] = [
  // OpenAI, Anthropic, OpenRouter, DeepSeek, Moonshot, Qwen, LM Studio, Poe and others; Cerebras
  [/(?<![A-Za-z0-9])(?:sk|csk|pk|rk)[-_][A-Za-z0-9_-]{16,}/g, REDACTED],
  // Google
  [/(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{30,}/g, REDACTED],
  [/\bAQ\.[A-Za-z0-9_-]{20,}/g, REDACTED],
  [/\bya29\.[A-Za-z0-9._-]{20,}/g, REDACTED],
  // Groq, xAI, NVIDIA, Fireworks, Together, Hugging Face, Perplexity, Replicate
  [/(?<![A-Za-z0-9])(?:gsk_|xai-|nvapi-|fw_|tgp_v1_|hf_|pplx-|r8_)[A-Za-z0-9_-]{16,}/g, REDACTED],
  // GitHub, GitLab, Slack, AWS
  [/(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-)[A-Za-z0-9_-]{16,}/g, REDACTED],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, REDACTED],
  // Z.AI: an id of 32 hex digits, a dot, a secret
  [/\b[a-f0-9]{32}\.[A-Za-z0-9]{16}\b/g, REDACTED],
  // JSON Web Tokens (MiniMax, Nebius, Kling and most logins)
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)?/g, REDACTED],
  [/\b((?:proxy-)?authorization)(\\?["'])?[ \t]?[:=][ \t]?(?:\\?["'])?[^\r\n"'\\]+/gi, `$1$2: ${REDACTED}`],
  [/\b(bearer|basic)[ \t]{1,4}[A-Za-z0-9+/_=.~-]{16,}/gi, `$1 ${REDACTED}`],
  // A URL's login
  [/:\/\/[^\s/@:"'<>]{0,256}:[^\s/@"'<>]{1,256}@/g, `://${REDACTED}@`],
  // A header line
  [/\b((?:set-)?cookie)["']?[ \t]?[:=][^\r\n]+/gi, `$1: ${REDACTED}`],
  // `api_key=…`, `"password": "…"`, also escaped as inside a string of JSON
  [
    /((?:api[-_]?key|access[-_]?token|refresh[-_]?token|id[-_]?token|auth[-_]?token|client[-_]?secret|secret[-_]?key|password|passwd|passphrase)(?:\\?["'])?[ \t]?[:=][ \t]?(?:\\?["'])?)[^\s"'\\,;&]{3,}/gi,
    `$1${REDACTED}`,
  ],
  [/([?&](?:key|token|code|sig|signature)=)[^&\s"'#]{3,}/gi, `$1${REDACTED}`],
];

export function createRedactor({ secrets = [], maxText = 8_192 }: RedactorOptions = {}): Redactor {
  const known = [...new Set(secrets)].filter((secret) => secret.length >= 8).sort((a, b) => b.length - a.length);

  function text(given: string): string {
    let shown = given.length > maxText + MARGIN ? given.slice(0, maxText + MARGIN) : given;
    for (const secret of known) if (shown.includes(secret)) shown = shown.replaceAll(secret, REDACTED);
    shown = withoutPrivateKeys(shown);
    // Most strings are short words, and every shape has at least eight characters.
    if (shown.length >= 8) for (const [shape, instead] of SHAPES) shown = shown.replace(shape, instead);
    if (given.length <= maxText) return shown;
    const cut = shown.slice(0, maxText);
    return `${cut}… (cut: ${given.length} characters)`;
  }

  function value(given: unknown): unknown {
    let left = MAX_VALUES;
    const walk = (each: unknown, depth: number): unknown => {
      if (typeof each === "string") return text(each);
      if (typeof each === "bigint") return String(each);
      if (typeof each === "function" || typeof each === "symbol") return `[${typeof each}]`;
      if (typeof each !== "object" || each === null) return each;
      if (depth >= MAX_DEPTH) return `[deeper than ${MAX_DEPTH} levels]`;
      if (each instanceof Error) return { name: each.name, message: text(each.message) };
      if (ArrayBuffer.isView(each)) return `[${each.byteLength} bytes]`;
      if (Array.isArray(each)) {
        const items: unknown[] = [];
        for (const item of each) {
          if (left-- <= 0) return [...items, `[${each.length - items.length} more]`];
          items.push(walk(item, depth + 1));
        }
        return items;
      }
      const copy: Record<string, unknown> = {};
      const entries = Object.entries(each);
      for (const [index, [name, inner]] of entries.entries()) {
        if (left-- <= 0) {
          copy["…"] = `[${entries.length - index} more]`;
          break;
        }
        const secret = inner !== null && inner !== undefined && typeof inner !== "boolean" && isSecretName(name);
        // A model may have written a secret where a name belongs.
        Object.defineProperty(copy, text(name), {
          value: secret ? REDACTED : depth === 0 && OWN_NAMES.has(name) ? inner : walk(inner, depth + 1),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return copy;
    };
    return walk(given, 0);
  }

  return { text, value };
}

/** Cut out by hand: a pattern from one marker to another takes quadratic time where many begin and none ends. */
function withoutPrivateKeys(text: string): string {
  const BEGIN = "-----BEGIN ";
  let begin = text.indexOf(BEGIN);
  if (begin === -1) return text;
  let shown = "";
  let from = 0;
  while (begin !== -1) {
    const kind = text.slice(begin, begin + 64);
    if (!/^-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY/.test(kind)) {
      begin = text.indexOf(BEGIN, begin + BEGIN.length);
      continue;
    }
    const end = text.indexOf("-----END ", begin);
    shown += `${text.slice(from, begin)}${REDACTED}`;
    // One that never ends was cut off.
    if (end === -1) return shown;
    const close = text.indexOf("-----", end + 9);
    from = close === -1 ? text.length : close + 5;
    begin = text.indexOf(BEGIN, from);
  }
  return shown + text.slice(from);
}
