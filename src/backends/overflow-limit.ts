/** placeholder until the table of messages is merged */
export function overflowLimit(message: string): number | undefined {
  const found = /(?:maximum context length is|maximum of|> )\s*(\d[\d,]*)/i.exec(message)?.[1];
  return found === undefined ? undefined : Number(found.replaceAll(",", ""));
}
