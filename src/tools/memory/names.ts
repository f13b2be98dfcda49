import { MassGenError } from "../../errors.js";

export const maxNameLength = 64;

const NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_-]*$/u;
/** A file of such a name is a device on Windows, whatever its ending. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)$/;

/**
 * The name under which a note is kept, and its file without `.md`: lower case, spaces become "-". Two names that differ in
 * nothing else are the same.
 * @throws MassGenError `bad_note_name` for whatever is not letters, digits, "-" and "_" then; nothing is left out in silence.
 */
export function noteName(given: string): string {
  const name = normal(given);
  if (isNoteName(name)) return name;
  const like = normal(given.replace(/[^\p{L}\p{M}\p{N}\s_-]+/gu, " ").replace(/^[\s\p{M}-]+/u, "")).replace(/-{2,}/g, "-");
  const short = [...like].slice(0, maxNameLength).join("");
  const hint = isNoteName(short) ? ` For example: ${JSON.stringify(short)}.` : "";
  const shown = JSON.stringify(given.length > 100 ? `${given.slice(0, 100)}…` : given);
  const message = `${shown} cannot be the name of a note. Take letters, digits, "-" and "_", at most ${maxNameLength} of them.${hint}`;
  throw new MassGenError("bad_note_name", message);
}

/** Whether a name is as `noteName` gives it. */
export function isNoteName(name: string): boolean {
  return (
    NAME.test(name) && name === normal(name) && [...name].length <= maxNameLength && Buffer.byteLength(name) <= 200 && !DEVICE.test(name)
  );
}

function normal(given: string): string {
  return given.replace(/\.md$/i, "").trim().normalize("NFKC").toLowerCase().normalize("NFC").replace(/\s+/g, "-");
}
