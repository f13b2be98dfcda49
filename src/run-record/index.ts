/** `massgen/run-record`: runs written down in directories, and what can be made of them. */
export { coordinationTable } from "./coordination-table.js";
export {
  addEvent,
  countedVotes,
  currentAnswers,
  emptyHistory,
  type RecordedAgent,
  type RecordedAnswer,
  type RecordedEpoch,
  type RecordedNote,
  type RecordedTool,
  type RecordedTurn,
  type RecordedVote,
  type RunHistory,
} from "./history.js";
export type { RecordOptions } from "./options.js";
export { listRecords, type ReadRecord, type RecordSummary, readRecord } from "./read-record.js";
export { type RecordRunOptions, type RunRecord, recordRun } from "./record-run.js";
export { type ReportInput, renderReport } from "./report/report.js";
export type { AgentState, AgentStatus, RunStatus } from "./status.js";
