// Moves time in the demo's database, where a test cannot wait for it.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Usher } from "./usher.ts";

/** Makes every session's authentication older by so many seconds. */
export function age(usher: Usher, seconds: number): void {
  within(usher, (db) => db.prepare("UPDATE session SET auth_time = auth_time - ?").run(seconds * 1000));
}

/** Gives a server a day of sign-ins and tokens to draw. */
export function liveThroughADay(usher: Usher): void {
  const step = 600_000;
  const now = Math.floor(Date.now() / step) * step;
  within(usher, (db) => {
    const add = db.prepare("INSERT INTO tally (at, name, count) VALUES (?, ?, ?) ON CONFLICT (at, name) DO UPDATE SET count = excluded.count");
    for (let i = 0; i < 144; i++) {
      const daylight = Math.max(0, Math.sin((i / 144) * 2 * Math.PI - 1)) ** 1.5;
      const signIns = Math.round(40 * daylight + 3 * Math.abs(Math.sin(i * 1.7)));
      add.run(now - (143 - i) * step, "sign_ins", signIns);
      add.run(now - (143 - i) * step, "tokens", signIns * 21 + Math.round(30 * Math.abs(Math.sin(i * 0.9))));
    }
  });
}

function within(usher: Usher, work: (db: DatabaseSync) => void): void {
  const name = readdirSync(usher.data).find((file) => file.endsWith(".db"));
  if (!name) throw new Error(`no database in ${usher.data}`);
  const db = new DatabaseSync(join(usher.data, name), { timeout: 5000 });
  try {
    work(db);
  } finally {
    db.close();
  }
}
