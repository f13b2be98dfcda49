import type { CallToolResult } from "@modelcontextprotocol/client";
import type { FilePart, UserPart } from "../formatter/messages.js";

/** Keeps what is too long or no text; gives what the model is told about where it is, or why it is not kept. */
export type Keep = (data: string | Uint8Array, extension: string) => Promise<string>;

export interface ReadOptions {
  maxBytes: number;
  keep: Keep;
  redact(text: string): string;
}

/** Characters of base64 in all that a result may show, as much as the strictest provider takes of one picture. */
const MAX_SHOWN = 5_000_000;

type Block = CallToolResult["content"][number];

/** A result as a model reads it: text alone, or parts. */
export async function readResult(result: CallToolResult, options: ReadOptions): Promise<string | UserPart[]> {
  const parts: UserPart[] = [];
  let shown = 0;
  for (const block of result.content) {
    const part = await readBlock(block, options);
    const size = part.type === "file" ? part.data.length : 0;
    if (shown + size > MAX_SHOWN) parts.push(await tooMuch(part as FilePart, options));
    else {
      parts.push(part);
      shown += size;
    }
  }
  const structured = result.structuredContent;
  if (structured !== undefined && !repeats(parts, structured)) parts.push(text(JSON.stringify(structured)));
  const redacted = parts.map((part) => (part.type === "text" ? text(options.redact(part.text)) : part));
  return capped(redacted, options);
}

/** What fits is left as it is; else the beginning, and word of where the whole is. */
async function capped(parts: UserPart[], { maxBytes, keep }: ReadOptions): Promise<string | UserPart[]> {
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const whole = texts.join("\n\n");
  const files = parts.filter((part): part is FilePart => part.type === "file");
  if (Buffer.byteLength(whole) > maxBytes) {
    const head = beginning(whole, maxBytes);
    const where = await keep(whole, "txt");
    const note = `[This is the beginning, ${head.length} of ${whole.length} characters. ${where}]`;
    return files.length === 0 ? `${head}\n\n${note}` : [text(`${head}\n\n${note}`), ...files];
  }
  if (files.length === 0) return whole === "" ? "done (the tool returned nothing)" : whole;
  return parts.map((part, index) => (part.type === "text" && index < parts.length - 1 ? text(`${part.text}\n\n`) : part));
}

async function readBlock(block: Block, { keep }: ReadOptions): Promise<UserPart> {
  switch (block.type) {
    case "text":
      return text(block.text);
    case "image":
    case "audio":
      return file(block.data, block.mimeType, undefined, keep);
    case "resource": {
      const { resource } = block;
      if ("text" in resource) return text(`[${resource.uri}]\n${resource.text}`);
      return file(resource.blob, resource.mimeType ?? "application/octet-stream", nameOf(resource.uri), keep);
    }
    case "resource_link": {
      const about = [block.title, block.description, block.mimeType, block.size === undefined ? undefined : `${block.size} bytes`];
      return text(
        `[link to a resource: ${[block.uri, block.name, ...about].filter((item) => item !== undefined && item !== "").join(", ")}]`,
      );
    }
    default:
      return text(JSON.stringify(block)); // a kind that is newer than this
  }
}

async function tooMuch({ mediaType, data, filename }: FilePart, { keep }: ReadOptions): Promise<UserPart> {
  const bytes = Buffer.from(data, "base64");
  const extension = extensionOf(filename) ?? mediaType.replace(/^.*\/(?:x-)?/, "");
  return text(`[a file of type ${mediaType}, ${bytes.length} bytes, too large to be shown. ${await keep(bytes, extension)}]`);
}

const extensionOf = (name = "") => /\.([a-z0-9]{1,8})$/i.exec(name)?.[1];

/** What models can be shown; anything else is kept as a file. */
const SHOWN = /^(image\/(png|jpeg|gif|webp)|audio\/(wav|x-wav|mpeg|mp3)|application\/pdf)$/;

async function file(data: string, mediaType: string, filename: string | undefined, keep: Keep): Promise<UserPart> {
  const type = mediaType.split(";")[0]!.trim().toLowerCase();
  if (SHOWN.test(type)) return { type: "file", mediaType: type, data, ...(filename !== undefined && { filename }) };
  const bytes = Buffer.from(data, "base64");
  if (/^text\/|[/+]json$|[/+]xml$/.test(type)) return text(bytes.toString("utf8"));
  return text(`[a file of type ${type}, ${bytes.length} bytes. ${await keep(bytes, extensionOf(filename) ?? "bin")}]`);
}

function nameOf(uri: string): string | undefined {
  const last = /([^/?#]+)(?:[?#].*)?$/.exec(uri)?.[1];
  return last?.slice(0, 100);
}

/** Servers repeat structured content as text, for clients that know none. */
function repeats(parts: readonly UserPart[], structured: unknown): boolean {
  const json = JSON.stringify(structured);
  const values = typeof structured === "object" && structured !== null ? Object.values(structured) : [];
  return parts.some((part) => {
    if (part.type !== "text") return false;
    if (part.text === json || (values.length === 1 && values[0] === part.text)) return true;
    if (part.text.length < json.length || !/^\s*[[{"\dtfn-]/.test(part.text)) return false;
    try {
      return JSON.stringify(JSON.parse(part.text)) === json;
    } catch {
      return false;
    }
  });
}

/** As many whole characters as fit. */
function beginning(whole: string, maxBytes: number): string {
  const bytes = Buffer.from(whole);
  let end = Math.min(maxBytes, bytes.length);
  while (end > 0 && end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end).toString("utf8");
}

function text(value: string): UserPart {
  return { type: "text", text: value };
}
