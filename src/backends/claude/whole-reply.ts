type Fetch = typeof globalThis.fetch;

/**
 * A fetch for servers that were asked for a stream and send the finished message as JSON: it becomes a stream of the events that
 * stand for it. Anything else passes as it is.
 */
export function withWholeReplies(fetch: Fetch): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const type = response.headers.get("content-type") ?? "";
    if (!response.ok || !type.includes("application/json") || !/\/v1\/messages(\?|$)/.test(urlOf(input))) return response;
    const text = await response.text();
    const headers = new Headers([...response.headers]);
    headers.delete("content-length");
    headers.delete("content-encoding");
    headers.set("content-type", "text/event-stream");
    return new Response(eventsOf(text), { headers });
  };
}

function eventsOf(text: string): string {
  let reply: { type?: string };
  try {
    reply = JSON.parse(text);
  } catch {
    return `event: error\ndata: ${JSON.stringify({ error: { message: "the reply is not JSON" } })}\n\n`;
  }
  if (reply?.type !== "message") {
    const error = reply?.type === "error" ? reply : { error: { message: `a reply that is no message: ${text.slice(0, 200)}` } };
    return `event: error\ndata: ${JSON.stringify(error)}\n\n`;
  }
  return `event: message_start\ndata: ${JSON.stringify({ type: "message_start", message: reply })}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n`;
}

function urlOf(input: unknown): string {
  return typeof input === "object" && input !== null && "url" in input ? String(input.url) : String(input);
}
