/** Markup: text that needs no escaping any more. */
export interface Html {
  html: string;
}

type Value = Html | string | number | false | undefined | null | readonly Html[];

/** Markup from a template; whatever is put in is escaped unless it is markup itself. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  let out = parts[0] ?? "";
  for (const [i, value] of values.entries()) out += markup(value) + (parts[i + 1] ?? "");
  return { html: out };
}

export const nothing: Html = { html: "" };

function markup(value: Value): string {
  if (value === undefined || value === null || value === false) return "";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return escapeHtml(value);
  return "html" in value ? value.html : value.map((each) => each.html).join("");
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "`": "&#96;" };

/** Text as it can stand between tags and within quotes. Control characters, which HTML does not allow, become their pictures. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"'`]/g, (char) => ENTITIES[char] as string)
    .replace(/\r\n?/g, "\n")
    .replace(/(?![\n\t])\p{Cc}/gu, picture);
}

function picture(char: string): string {
  const code = char.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : "\ufffd";
}

/** A number of percent for a style. */
export const percent = (part: number, whole: number): string => `${whole <= 0 ? 0 : Number(((100 * part) / whole).toFixed(3))}%`;
