const MARK = "emulated.";

/** What encrypted content of the emulator looks like: bound to the model, as the real one is to its provider. */
export function encrypt(model: string, text: string): string {
  return `${MARK}${Buffer.from(JSON.stringify([model, text])).toString("base64url")}`;
}

/** What encrypted content says, where it is the emulator's. `model`: only that which was encrypted for it. */
export function opened(sealed: string, model?: string): string | undefined {
  if (!sealed.startsWith(MARK)) return undefined;
  try {
    const [whose, text] = JSON.parse(Buffer.from(sealed.slice(MARK.length), "base64url").toString("utf8")) as [string, string];
    return model === undefined || whose === model ? text : undefined;
  } catch {
    return undefined;
  }
}
