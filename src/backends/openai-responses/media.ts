import type { ResponseItem } from "../../formatter/openai-responses.js";
import type { BackendChunk } from "../backend.js";

type FileChunk = Extract<BackendChunk, { type: "file" }>;

/** The picture of a finished `image_generation_call`, where it has one. */
export function imageOf(item: ResponseItem): FileChunk | undefined {
  if (typeof item.result !== "string" || item.result === "") return undefined;
  return image(item.result, item.output_format);
}

/** A picture that is still being drawn. */
export function partialImage(event: Record<string, unknown>): FileChunk | undefined {
  const data = event.partial_image_b64;
  return typeof data === "string" && data !== "" ? { ...image(data, event.output_format), partial: true } : undefined;
}

function image(data: string, format: unknown): FileChunk {
  const inline = /^data:([^;,]+);base64,/.exec(data.slice(0, 100));
  if (inline) return { type: "file", mediaType: inline[1]!, data: data.slice(inline[0].length) };
  const subtype = typeof format === "string" ? (format === "jpg" ? "jpeg" : format) : (imageFormat(data) ?? "png");
  return { type: "file", mediaType: `image/${subtype}`, data };
}

function imageFormat(base64: string): string | undefined {
  if (base64.startsWith("iVBOR")) return "png";
  if (base64.startsWith("/9j/")) return "jpeg";
  if (base64.startsWith("UklGR")) return "webp";
  return base64.startsWith("R0lGOD") ? "gif" : undefined;
}
