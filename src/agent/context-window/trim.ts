import { resultTokens } from "./clear.js";
import { type Bench, failed, mapResults, type Outcome, type View } from "./methods.js";
import { shortened } from "./shorten.js";
import { messagesTokens } from "./size.js";
import { countOf } from "./units.js";

/** No result is made shorter than this. */
const SHORTEST = 80;

/**
 * Leaves out the oldest exchanges, one after the other, down to the low-water mark. Where what must stay does not fit even so, its
 * longest tool results are shortened, and say so.
 */
export function trim(bench: Bench): Outcome {
  const { view, old, room, size, layOut, factor } = bench;
  // What a provider or a model has condensed tells more than any one exchange: it goes last.
  const order = [...old.filter(({ kind }) => kind !== "condensed"), ...old.filter(({ kind }) => kind === "condensed")];
  const gone = new Set<(typeof old)[number]>();
  const layOutLeft = (summary: View["summary"], left: number) =>
    layOut({ units: view.units.filter((unit) => !gone.has(unit)), summary, left: view.left + left });
  // With the note that will stand there. To lay it out anew for each exchange would be to read the task anew each time.
  let tokens = size(layOutLeft(view.summary, 1));
  for (const unit of order) {
    if (tokens <= (unit.kind === "condensed" ? room.limit : room.low)) break;
    gone.add(unit);
    tokens -= messagesTokens(unit.messages) * factor;
  }
  let now = gone.size === 0 ? view : layOutLeft(view.summary, countOf([...gone]));
  if (view.summary !== undefined && size(now) > room.limit) now = layOutLeft(undefined, countOf([...gone]) + view.summary.messages);
  if (size(now) > room.limit) now = shortenResults(bench, now);
  return size(now) < size(view) ? { type: "view", view: now } : failed("there is nothing left that may be left out");
}

/** The longest results, each cut to the same length: the greatest with which all of it fits. */
function shortenResults({ room, size }: Bench, view: View): View {
  const cutTo = (tokens: number): View => ({ ...view, units: mapResults(view.units, (result) => shortened(result, tokens)) });
  let fits = SHORTEST;
  let tooLong = SHORTEST;
  for (const { messages } of view.units)
    for (const message of messages)
      if (message.role === "tool") for (const result of message.content) tooLong = Math.max(tooLong, resultTokens(result));
  let best = cutTo(fits);
  while (tooLong - fits > Math.max(10, fits / 20)) {
    const middle = Math.floor((fits + tooLong) / 2);
    const next = cutTo(middle);
    if (size(next) > room.limit) tooLong = middle;
    else {
      fits = middle;
      best = next;
    }
  }
  return best;
}
