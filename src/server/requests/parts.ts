import { MEDIA_TYPES } from "../../formatter/file-data.js";
import type { FilePart, UserPart } from "../../formatter/messages.js";
import { badRequest } from "../http-error.js";
import { isObject, type Json, stringField, typeCode } from "./body.js";

const AUDIO_TYPES = new Map([
  ["wav", "audio/wav"],
  ["mp3", "audio/mpeg"],
]);

/** The content of a user, system or tool message: text, or parts in the words of chat completions, Responses or Anthropic. */
export function readContent(content: unknown, path: string): string | UserPart[] {
  if (typeof content === "string") return content;
  if (!Array.isArray(content) || content.length === 0) {
    throw badRequest(path, `\`${path}\` must be a text or a list of parts that is not empty.`, typeCode(content));
  }
  return content.map((part, i) => readPart(part, `${path}[${i}]`));
}

/** As `readContent`, where only text makes sense. */
export function readText(content: unknown, path: string): string {
  const parts = readContent(content, path);
  if (typeof parts === "string") return parts;
  return parts
    .map((part, i) => {
      if (part.type !== "text") throw badRequest(`${path}[${i}].type`, `\`${path}[${i}]\` must be text.`);
      return part.text;
    })
    .join("");
}

/** A part of an assistant's message that is text: what it said, or why it refused. */
export function readSaid(part: unknown, path: string): string {
  if (!isObject(part)) throw badRequest(path, `\`${path}\` must be an object.`, typeCode(part));
  if (part.type === "refusal") return stringField(part, "refusal", path);
  if (part.type === "text" || part.type === "output_text" || part.type === "input_text") return stringField(part, "text", path);
  const message = `\`${path}.type\` ${JSON.stringify(part.type)} is not known here: an assistant's message holds text and tool calls.`;
  throw badRequest(`${path}.type`, message, part.type === undefined ? "missing_required_parameter" : "invalid_value");
}

export function readPart(part: unknown, path: string): UserPart {
  if (!isObject(part)) throw badRequest(path, `\`${path}\` must be an object.`, typeCode(part));
  switch (part.type) {
    case "text":
    case "input_text":
      return { type: "text", text: stringField(part, "text", path) };
    case "image_url":
    case "input_image":
      return imagePart(part, path);
    case "input_audio":
      return audioPart(part, path);
    case "video_url": {
      const at = isObject(part.video_url) ? part.video_url : {};
      return linked(stringField(at, "url", `${path}.video_url`), "video/mp4", `${path}.video_url.url`);
    }
    case "file":
    case "input_file":
      return filePart(part, path);
    case "image":
    case "document":
      return anthropicFile(part, path);
    default: {
      const message = `\`${path}.type\` ${JSON.stringify(part.type)} is not known: use text, image_url, input_audio or file.`;
      throw badRequest(`${path}.type`, message, part.type === undefined ? "missing_required_parameter" : "invalid_value");
    }
  }
}

function imagePart(part: Json, path: string): FilePart {
  const { image_url: image } = part;
  if (part.type === "input_image" && typeof part.file_id === "string") throw fileId(`${path}.file_id`);
  const flat = typeof image === "string";
  if (!flat && !isObject(image)) throw badRequest(`${path}.image_url`, `\`${path}.image_url\` must be { url }.`, typeCode(image));
  const detail = flat ? part.detail : image.detail;
  const details = flat ? ["auto", "low", "high", "original"] : ["auto", "low", "high"];
  if (detail !== undefined && !details.includes(detail as string)) {
    const where = flat ? `${path}.detail` : `${path}.image_url.detail`;
    throw badRequest(where, `\`${where}\` must be one of ${details.join(", ")}.`);
  }
  const at = flat ? `${path}.image_url` : `${path}.image_url.url`;
  return linked(flat ? image : stringField(image, "url", `${path}.image_url`), "image/png", at);
}

function audioPart(part: Json, path: string): FilePart {
  const audio = part.input_audio;
  if (!isObject(audio)) throw badRequest(`${path}.input_audio`, `\`${path}.input_audio\` must be { data, format }.`, typeCode(audio));
  const data = stringField(audio, "data", `${path}.input_audio`);
  const mediaType = typeof audio.format === "string" ? AUDIO_TYPES.get(audio.format) : undefined;
  if (mediaType === undefined) throw badRequest(`${path}.input_audio.format`, `\`${path}.input_audio.format\` must be "wav" or "mp3".`);
  return { type: "file", mediaType, data };
}

function filePart(part: Json, path: string): FilePart {
  const nested = isObject(part.file);
  const file = nested ? (part.file as Json) : part;
  const at = nested ? `${path}.file` : path;
  if (part.type === "file" && !nested) throw badRequest(`${path}.file`, `\`${path}.file\` must be an object.`, typeCode(part.file));
  const { file_data: data, file_url: url, filename } = file;
  if (filename !== undefined && typeof filename !== "string") {
    throw badRequest(`${at}.filename`, `\`${at}.filename\` must be a string.`, "invalid_type");
  }
  const name = typeof filename === "string" ? { filename } : {};
  if (typeof url === "string") return { ...linked(url, "application/pdf", `${at}.file_url`), ...name };
  if (typeof data === "string") {
    if (data.startsWith("data:")) return { ...linked(data, "application/pdf", `${at}.file_data`), ...name };
    return { type: "file", mediaType: mediaTypeOf(filename as string | undefined, "application/pdf"), data, ...name };
  }
  if (typeof file.file_id === "string") throw fileId(`${at}.file_id`);
  throw badRequest(`${at}.file_data`, `\`${at}.file_data\` must be the file in base64.`, typeCode(data));
}

function anthropicFile(part: Json, path: string): FilePart {
  const source = part.source;
  if (!isObject(source)) throw badRequest(`${path}.source`, `\`${path}.source\` must be an object.`, typeCode(source));
  const fallback = part.type === "image" ? "image/png" : "application/pdf";
  if (source.type === "url") return linked(stringField(source, "url", `${path}.source`), fallback, `${path}.source.url`);
  if (source.type !== "base64") throw badRequest(`${path}.source.type`, `\`${path}.source.type\` must be "base64" or "url".`);
  const data = stringField(source, "data", `${path}.source`);
  return { type: "file", mediaType: stringField(source, "media_type", `${path}.source`), data };
}

function linked(url: string, fallback: string, path: string): FilePart {
  const inline = /^data:([\w.+-]+\/[\w.+-]+)[^,]*,/.exec(url);
  if (inline !== null) return { type: "file", mediaType: inline[1]!.toLowerCase(), data: url };
  if (!/^https?:\/\/[^\s]+$/i.test(url) || !URL.canParse(url)) {
    throw badRequest(path, `\`${path}\` must be an http(s) or data URL.`);
  }
  return { type: "file", mediaType: mediaTypeOf(new URL(url).pathname, fallback), data: url };
}

function mediaTypeOf(name: string | undefined, fallback: string): string {
  const extension = /\.\w+$/.exec(name ?? "")?.[0].toLowerCase();
  return MEDIA_TYPES[extension ?? ""] ?? fallback;
}

function fileId(path: string) {
  return badRequest(path, `\`${path}\`: this server keeps no files. Send the file itself, in base64.`, "unsupported_value");
}
