/** What the bytes of a file are. */
export type FileContent =
  | { kind: "text"; text: string; encoding: TextEncoding }
  /** No text; `mediaType` where the first bytes say what it is. */
  | { kind: "binary"; mediaType?: string };

/** `windows-1252` is only guessed, from bytes that are no UTF-8. */
export type TextEncoding = "utf-8" | "utf-8-bom" | "utf-16le" | "utf-16be" | "windows-1252";

const SNIFFED = 8192;

/** First bytes in hexadecimal; dots are any. */
const SIGNATURES: readonly [mediaType: string, start: RegExp][] = [
  ["image/png", /^89504e470d0a1a0a/],
  ["image/jpeg", /^ffd8ff/],
  ["image/gif", /^4749463[78]3[79]61/],
  ["image/webp", /^52494646.{8}57454250/],
  ["application/pdf", /^255044462d/],
  ["application/zip", /^504b0304/],
  ["application/gzip", /^1f8b/],
  ["audio/wav", /^52494646.{8}57415645/],
  ["audio/mpeg", /^(494433|fff[23ab])/],
  ["video/mp4", /^.{8}66747970/],
];

/** The media type that a file's first bytes tell, if it is one of the usual kinds. */
export function sniffMediaType(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 16)).toString("hex");
  return SIGNATURES.find(([, pattern]) => pattern.test(start))?.[0];
}

export function decodeFile(bytes: Uint8Array): FileContent {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return strict(bytes.subarray(3), "utf-8-bom") ?? binary(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return strict(bytes.subarray(2), "utf-16le") ?? binary(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return strict(bytes.subarray(2), "utf-16be") ?? binary(bytes);
  // As git judges it: text has no zero bytes.
  if (bytes.subarray(0, SNIFFED).includes(0) || isPdf(bytes)) return binary(bytes);
  const text = strict(bytes, "utf-8");
  if (text !== undefined) return text;
  if (sniffMediaType(bytes) !== undefined) return binary(bytes);
  return { kind: "text", text: new TextDecoder("windows-1252").decode(bytes), encoding: "windows-1252" };
}

/** The bytes of a text in a file's encoding. `windows-1252` cannot be written. */
export function encodeText(text: string, encoding: Exclude<TextEncoding, "windows-1252">): Buffer {
  switch (encoding) {
    case "utf-8":
      return Buffer.from(text);
    case "utf-8-bom":
      return Buffer.from(`\ufeff${text}`);
    case "utf-16le":
      return Buffer.from(`\ufeff${text}`, "utf16le");
    case "utf-16be":
      return Buffer.from(`\ufeff${text}`, "utf16le").swap16();
  }
}

/** A small one may hold no zero byte and be all ASCII. */
const isPdf = (bytes: Uint8Array): boolean => sniffMediaType(bytes) === "application/pdf";

function binary(bytes: Uint8Array): FileContent {
  const mediaType = sniffMediaType(bytes);
  return { kind: "binary", ...(mediaType !== undefined && { mediaType }) };
}

function strict(bytes: Uint8Array, encoding: Exclude<TextEncoding, "windows-1252">): FileContent | undefined {
  try {
    const decoder = new TextDecoder(encoding === "utf-8-bom" ? "utf-8" : encoding, { fatal: true, ignoreBOM: true });
    return { kind: "text", text: decoder.decode(bytes), encoding };
  } catch {
    return undefined;
  }
}
