import { join } from "node:path";
import { ConfigError } from "../errors.js";
import { FILES, writeWhole } from "../run-record/files.js";
import { readRecord } from "../run-record/read-record.js";
import { renderReport } from "../run-record/report/report.js";
import { plural } from "../terminal-text.js";
import { EXIT, type Io } from "./io.js";

/** Makes the report of a record, of the latest one where `path` holds several. */
export async function writeReport(path: string | undefined, output: string | undefined, io: Io): Promise<number> {
  if (path === undefined) throw new ConfigError("bad_option", "Of which run? Give its directory: massgen report <dir>.");
  const record = await readRecord(path);
  const page = renderReport(record);
  if (record.badLines > 0) {
    io.stderr.write(
      `massgen: ${plural(record.badLines, "line")} of ${FILES.events} could not be read and ${record.badLines === 1 ? "is" : "are"} left out.\n`,
    );
  }
  if (output === "-") io.stdout.write(page);
  else {
    const file = output ?? join(record.dir, FILES.report);
    await writeWhole(file, page);
    io.stdout.write(`${file}\n`);
  }
  return EXIT.ok;
}
