import type { StreamEncoder } from "./event-stream.js";
import type { Output } from "./output.js";
import { ChatStream, chatCompletion } from "./replies/chat.js";
import type { ReplyInfo } from "./replies/common.js";
import { ResponsesStream, responseObject } from "./replies/responses.js";
import type { Json } from "./requests/body.js";
import { readChatRequest } from "./requests/chat-request.js";
import { readResponsesRequest } from "./requests/responses-request.js";
import type { RunRequest } from "./requests/run-request.js";

/** How an API reads a request and spells the reply. */
export interface Api {
  read(body: Json): RunRequest;
  /** Of the ids of its replies. */
  idPrefix: string;
  encoder(info: ReplyInfo): StreamEncoder;
  whole(outputs: AsyncIterable<Output>, info: ReplyInfo): Promise<object>;
}

/** `POST /v1/chat/completions` */
export const CHAT: Api = {
  read: readChatRequest,
  idPrefix: "chatcmpl-",
  encoder: (info) => new ChatStream(info),
  whole: chatCompletion,
};

/** `POST /v1/responses` */
export const RESPONSES: Api = {
  read: readResponsesRequest,
  idPrefix: "resp_",
  encoder: (info) => new ResponsesStream(info),
  whole: responseObject,
};
