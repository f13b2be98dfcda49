import { MassGenError } from "../errors.js";

const MAX_PATH = 4096;
/** C0 and C1 controls, and the characters that turn the direction of the text after them. */
const UNPRINTABLE = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u;
const URL_SCHEME = /^[a-z][a-z\d+.-]*:\/{1,3}/i;
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[\d\u00b9\u00b2\u00b3]|lpt[\d\u00b9\u00b2\u00b3])(\.|$)/i;

/**
 * A path as a model wrote it, checked for everything that could be read as another path than it looks. Percent signs and
 * the like are ordinary characters: nothing is ever decoded.
 * @throws MassGenError `bad_path`
 */
export function checkPathText(text: unknown, platform: NodeJS.Platform = process.platform): string {
  if (typeof text !== "string") throw bad(text, "must be a string");
  if (text === "") throw bad(text, 'is empty. Use "." for your workspace');
  if (text.length > MAX_PATH) throw bad(`${text.slice(0, 80)}…`, `is longer than ${MAX_PATH} characters`);
  if (UNPRINTABLE.test(text)) throw bad(text, "holds control characters. Leave them out");
  if (/\p{Surrogate}/u.test(text)) throw bad(text, "holds half a character (an unpaired surrogate). Leave it out");
  if (text.startsWith("~"))
    throw bad(text, 'starts with "~", which means nothing here. Use a path from your workspace, or "./~…" for such a name');
  if (URL_SCHEME.test(text)) throw bad(text, "is a URL. Use a plain path");
  if (platform === "win32") checkWindows(text);
  else if (text.includes("\\")) throw bad(text, 'holds a backslash. Use "/" between names');
  return text;
}

/** The names that Windows reads as something else than a file of that name. */
function checkWindows(text: string): void {
  if (/^[\\/]{2}/.test(text)) throw bad(text, "is a network or device path. Use a path from your workspace");
  const rest = text.replace(/^[a-z]:(?=[\\/])/i, "");
  if (rest.includes(":")) throw bad(text, 'holds a ":" that is not part of a drive');
  for (const name of rest.split(/[\\/]/)) {
    if (DEVICE.test(name)) throw bad(text, `holds "${name}", a device of Windows`);
    if (/[. ]$/.test(name) && name !== "." && name !== "..") throw bad(text, `holds "${name}"; Windows ignores a dot or space at the end`);
  }
}

function bad(text: unknown, problem: string): MassGenError {
  return new MassGenError("bad_path", `The path ${JSON.stringify(text) ?? String(text)} ${problem}.`);
}
