const PING = Buffer.from("event: ping");
/** A ping that matters breaks a silence, so it comes alone; longer reads hold other events and need no search. */
const ALONE = 128;

/**
 * Lets pings through the SDK, which keeps events of that name to itself: gives them another name in the bytes as they pass. A model
 * that thinks unseen sends nothing else for minutes, and whoever waits for the next chunk must see that the stream lives. One that
 * came with other events, or that two reads cut in half, stays as it is.
 */
export function renamePings(bytes: Uint8Array): void {
  if (bytes.length > ALONE) return;
  const find = (from: number) => Buffer.prototype.indexOf.call(bytes, PING, from);
  for (let at = find(0); at !== -1; at = find(at + PING.length)) {
    // A whole line, that is: inside the JSON of an event no line can end.
    const whole = (at === 0 || isNewline(bytes[at - 1])) && isNewline(bytes[at + PING.length]);
    if (whole) bytes[at + PING.length - 3] = 0x6f; // "pong"
  }
}

function isNewline(byte: number | undefined): boolean {
  return byte === 10 || byte === 13;
}
