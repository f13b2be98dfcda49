/** Where a fact is said. */
export type Place = "user" | "assistant" | "tool" | "answer" | "old answer";

/** Twenty of each transcript. Some sound like decisions or constraints, some like anything else. */
export const CODING: Partial<Record<Place, string[]>> = {
  user: [
    "The nightly export must finish before 04:30 UTC.",
    "Do not touch the table legacy_refunds; auditors read it directly.",
    "Whoever reviews this is Imogen Tark.",
  ],
  assistant: [
    "I decided to keep the cursor server-side, since client paging lost rows 8191 and 8192.",
    "Raising the pool to 24 connections made the deadlock appear sooner.",
    "The stale lock comes from worker 7, not from the scheduler.",
    "Reverting commit 4be19d0 alone does not help.",
    "What remains is the rounding in Swiss francs.",
  ],
  tool: [
    "# NOTE: settle() holds the advisory lock 77120 until commit",
    "RETRY_CEILING = 13  # agreed with the bank in ticket PAY-2291",
    "E   LedgerError: period 2019-Q3 is closed (opened by m.okafor)",
    "WARNING: the fixture tests/data/kestrel.sqlite is 41 days old",
    "FEATURE_HALF_EVEN = False  # flips on 1 March",
    "slowest test: test_cursor_resume_after_failover, 93.4 s",
    "# the export bucket is s3://quillon-exports-eu",
    "coverage of src/ledger/rounding.py: 61 %",
    "DeprecationWarning: parse_iban() goes away in 5.2",
    "MAX_BATCH = 1732  # larger ones exceed the bank's 4 MB",
    "psycopg.errors.LockNotAvailable: could not obtain lock on relation settlement_day",
    "# owner: team-heron, escalation through #heron-oncall",
  ],
};

export const RESEARCH: Partial<Record<Place, string[]>> = {
  user: ["Only sources printed before 1931 count.", "Weights are wanted in long tons, never in tonnes."],
  assistant: [
    "The Lübeck series breaks in 1907, when the dues moved to net tonnage.",
    "Halvorsen's table 14 and the consular report disagree by a factor of 2.3.",
    "I take the consular report, because Halvorsen copied from the 1899 edition.",
    "No figure for Riga after August 1914 can be trusted.",
    "Two of the five archives have answered: Bristol and Porto.",
    "The herring column of 1911 is a misprint.",
  ],
  tool: [
    "In the winter of 1902 the harbour of Antwerp was closed for 19 days.",
    "A clerk named Sørlie kept the Bergen register until 1916.",
    "Pilots in Gdańsk were paid 3.75 marks a tide.",
    "The missing volume, number 38, is in the Rijksarchief.",
    "| 1909 | Tornio | 271.4 | 1188 | 0.37 |",
    "Quarantine at Marseille fell from 14 to 9 days after the convention of Dresden.",
    "The steamship Valkyrien alone carried 6,420 long tons.",
    "According to the appendix, one last equals 1.93 long tons.",
    "The insurers' reserve stood at 418,000 pounds.",
    "The survey of 1926 left out all vessels below 30 registered tons.",
    "Grain from Odessa paid double dues between 1904 and 1906.",
    "| 1913 | Trieste | 812.9 | 2046 | 5.51 |",
  ],
};

export const CHAT: Partial<Record<Place, string[]>> = {
  user: [
    "My daughter is allergic to cashews.",
    "The flat is on the fourth floor and the lift takes 300 kg.",
    "We have 11,400 euros and not a cent more.",
    "The landlord is Mr Abernathy.",
    "Please never suggest induction, I have a pacemaker.",
    "The wall towards the neighbours is 11.5 cm thick.",
    "Delivery has to be in the week of 8 June.",
    "The old boiler is a Vaillant VC 194.",
    "I write left-handed, so the switch should be on the right.",
    "Our cat is called Mendeleev.",
  ],
  assistant: [
    "Then the worktop should be 96 cm high.",
    "We agreed on the two-row layout with 124 cm between the rows.",
    "The fuse for the oven must be a separate 16 A circuit.",
    "Oak would move by up to 3 mm over a winter.",
    "The quote from Lindqvist is 2,180 euros below the other.",
    "Tiles number 4471 are discontinued.",
    "Keep 60 cm free behind the dishwasher's door.",
    "The extractor needs a check valve of 150 mm.",
    "I would paint it in RAL 6021.",
    "The permit takes about seven weeks.",
  ],
};

export const EVALUATION: Partial<Record<Place, string[]>> = {
  user: ["The answer must fit on two printed pages.", "The reader is a judge at the commercial court in Ghent."],
  assistant: [
    "I checked agent2's sum: it is 48,215, not 48,251.",
    "The clause on demurrage is quoted correctly by agent4 alone.",
    "agent1's second citation does not exist.",
    "So far agent3 has the best argument on the lien.",
  ],
  tool: [
    "Article 7(2): laytime runs from 06:00 unless sooner commenced.",
    "notice of readiness tendered 14 November, 22:10",
    "The vessel's crane no. 3 was out of order for 31 hours.",
    "exchange rate used in the invoice: 1.0847",
    "Clause 19b was struck out by hand.",
    "surveyor: P. Vandersteen, fee 1,350 euros",
  ],
  "old answer": [
    "The claim lapsed on 2 April because of the two-year limit.",
    "A lien of 9.5 per cent would follow from the old form.",
    "The witness Calloway puts the loss at 212 tons.",
  ],
  answer: [
    "Demurrage comes to 16 days and 4 hours.",
    "The charterer waived clause 12 by its letter of 3 February.",
    "Under the amended form the cap is 75,000 special drawing rights.",
    "Half of the moisture damage is for the cargo interests to bear.",
    "The arbitration seat is Antwerp, so Belgian law governs the costs.",
  ],
};
