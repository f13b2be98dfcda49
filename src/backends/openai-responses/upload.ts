import type OpenAI from "openai";
import { BackendError } from "../../errors.js";
import { MEDIA_TYPES } from "../../formatter/file-data.js";
import { readLocalFile } from "../../formatter/file-part.js";
import type { FilePart } from "../../formatter/messages.js";
import type { ResponseItem } from "../../formatter/openai-responses.js";
import { extensionOf, isUrl, nameOf } from "../attach.js";
import type { OpenAIConnection } from "../openai-client.js";
import type { UploadFile } from "./upload-files.js";

/** Bytes: pictures and sounds travel inside a request, documents do not. */
const INLINE_LIMIT = 64 * 2 ** 20;
const DOCUMENT_LIMIT = 512 * 2 ** 20;

/** What the files have become. */
export interface Uploaded {
  /** Pictures and sounds, for the first message. */
  parts: FilePart[];
  /** The search over the documents. */
  tools: ResponseItem[];
  /** Deletes what the provider was given. What it fails to delete expires within a day. */
  remove(): Promise<void>;
}

/** Reads the files, hands documents to the provider and waits until they can be searched. Leaves nothing behind when it fails. */
export async function upload(
  files: readonly UploadFile[],
  { client, sdk }: OpenAIConnection,
  fetch: typeof globalThis.fetch,
  { signal, headers }: { signal: AbortSignal; headers: Record<string, string> },
): Promise<Uploaded> {
  const parts: FilePart[] = [];
  const fileIds: string[] = [];
  let storeId: string | undefined;
  const remove = async () => {
    const options = { maxRetries: 0, signal: AbortSignal.timeout(10_000) };
    const work: Promise<unknown>[] = fileIds.map((id) => client.files.delete(id, options));
    if (storeId) work.push(client.vectorStores.delete(storeId, options));
    await Promise.allSettled(work);
  };
  const call = { signal, headers, maxRetries: 0 };
  try {
    for (const file of files) {
      if (!("filePath" in file)) {
        parts.push(await inlinePart(file, fetch, signal));
        continue;
      }
      const bytes = await bytesOf(file.filePath, DOCUMENT_LIMIT, fetch, signal);
      const sent = await client.files.create(
        {
          file: await sdk.toFile(bytes, nameOf(file.filePath)),
          purpose: "assistants",
          expires_after: { anchor: "created_at", seconds: 86_400 },
        },
        call,
      );
      fileIds.push(sent.id);
    }
    if (fileIds.length === 0) return { parts, tools: [], remove };
    const store = await client.vectorStores.create({ name: "massgen", expires_after: { anchor: "last_active_at", days: 1 } }, call);
    storeId = store.id;
    for (const id of fileIds) await client.vectorStores.files.create(store.id, { file_id: id }, call);
    for (const id of fileIds) await indexed(client, store.id, id, call);
    return { parts, tools: [{ type: "file_search", vector_store_ids: [store.id] }], remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function indexed(
  client: OpenAI,
  storeId: string,
  fileId: string,
  call: OpenAI.RequestOptions & { signal: AbortSignal },
): Promise<void> {
  for (;;) {
    const { data, response } = await client.vectorStores.files.retrieve(fileId, { vector_store_id: storeId }, call).withResponse();
    if (data.status === "completed") return;
    if (data.status !== "in_progress") {
      throw new BackendError(
        "bad_request",
        `A document could not be indexed (${data.status}): ${data.last_error?.message ?? "no reason given"}.`,
      );
    }
    const wait = Number(response.headers.get("openai-poll-after-ms")) || 1000;
    await pause(wait, call.signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
}

async function inlinePart(
  file: Exclude<UploadFile, { filePath: string }>,
  fetch: typeof globalThis.fetch,
  signal: AbortSignal,
): Promise<FilePart> {
  const image = "imagePath" in file;
  const path = image ? file.imagePath : file.audioPath;
  if (image && isUrl(path))
    return { type: "file", mediaType: MEDIA_TYPES[extensionOf(path)] ?? "image/jpeg", data: path, filename: nameOf(path) };
  const bytes = await bytesOf(path, INLINE_LIMIT, fetch, signal);
  const mediaType = MEDIA_TYPES[extensionOf(path)] ?? (image ? "image/jpeg" : "audio/mpeg");
  return { type: "file", mediaType, data: bytes.toString("base64"), filename: nameOf(path) };
}

async function bytesOf(path: string, limit: number, fetch: typeof globalThis.fetch, signal: AbortSignal): Promise<Buffer> {
  if (!isUrl(path)) {
    try {
      return await readLocalFile(path, limit, signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw new BackendError("bad_request", (cause as Error).message, { cause });
    }
  }
  const response = await fetch(path, { signal });
  if (!response.ok) throw new BackendError("bad_request", `${path} cannot be uploaded: it answers with ${response.status}.`);
  const bytes = Buffer.from(await response.arrayBuffer());
  if (bytes.length > limit) throw new BackendError("bad_request", `${path} is larger than the ${limit / 2 ** 20} MB that can be uploaded.`);
  return bytes;
}
