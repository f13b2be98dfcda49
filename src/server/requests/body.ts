import { badRequest, HttpError } from "../http-error.js";

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The body of a request as a JSON object.
 * @throws HttpError 413 for one that is too long, 415 for a type that is not JSON, 400 for one that is no JSON object in UTF-8.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<Json> {
  const type = request.headers.get("content-type");
  if (type !== null && !/^\s*(application\/(?:[\w.+-]+\+)?json|text\/plain)\s*(;|$)/i.test(type)) {
    throw new HttpError(415, `The body must be application/json, not ${type}.`, { code: "unsupported_media_type" });
  }
  const text = decode(await readBytes(request, maxBytes));
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new HttpError(400, `The body is not valid JSON: ${(error as Error).message}`, { code: "invalid_json" });
  }
  if (!isObject(body)) throw new HttpError(400, "The body must be a JSON object.", { code: "invalid_json" });
  return body;
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLong = () => new HttpError(413, `The body is longer than ${maxBytes} bytes.`, { code: "body_too_large" });
  const declared = request.headers.get("content-length");
  if (Number(declared ?? 0) > maxBytes) throw tooLong();
  // HTTP holds a client to the length it declares. Read whole, the body needs no stream of its own.
  if (declared !== null) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (bytes.byteLength > maxBytes) throw tooLong();
    return bytes;
  }
  if (request.body === null) return new Uint8Array();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request.body as unknown as AsyncIterable<Uint8Array>) {
    length += piece.byteLength;
    if (length > maxBytes) throw tooLong();
    pieces.push(piece);
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new HttpError(400, "The body is not valid UTF-8.", { code: "invalid_json" });
  }
}

/** A field that must be there and a string. */
export function stringField(object: Json, key: string, path: string): string {
  const value = object[key];
  if (typeof value !== "string") throw badRequest(`${path}.${key}`, `\`${path}.${key}\` must be a string.`, typeCode(value));
  return value;
}

export function typeCode(value: unknown): string {
  return value === undefined ? "missing_required_parameter" : "invalid_type";
}
