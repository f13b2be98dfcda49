// Importing alone: nothing may stay open after it. What may, on a pipe or a terminal, is Node's own output.
import "massgen";

const open = process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY|PipeWrap|TTYWrap)$/.test(name));
if (open.length) throw new Error(`left open: ${open.join(", ")}`);
