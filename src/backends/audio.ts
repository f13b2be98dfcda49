import type { BackendChunk } from "./backend.js";

/** Sound that came in pieces, each base64 of its own. */
export function audioOf(pieces: readonly string[]): Extract<BackendChunk, { type: "file" }> | undefined {
  const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
  return bytes.length === 0 ? undefined : { type: "file", mediaType: audioType(bytes), data: bytes.toString("base64") };
}

function audioType(bytes: Buffer): string {
  const head = bytes.toString("latin1", 0, 4);
  if (head === "RIFF") return "audio/wav";
  if (head === "OggS") return "audio/ogg";
  if (head === "fLaC") return "audio/flac";
  if (head.startsWith("ID3") || (bytes[0] === 0xff && (bytes[1]! & 0xe6) === 0xe2)) return "audio/mpeg";
  if (bytes[0] === 0xff && (bytes[1]! & 0xf6) === 0xf0) return "audio/aac";
  // Raw samples have no head: 16 bit, 24 kHz, mono is what the API sends.
  return "audio/pcm";
}
