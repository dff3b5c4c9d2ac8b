// Moves time in the demo's database, where a test cannot wait for it.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Usher } from "./usher.ts";

/** Makes every session's authentication older by so many seconds. */
export function age(usher: Usher, seconds: number): void {
  const name = readdirSync(usher.data).find((file) => file.endsWith(".db"));
  if (!name) throw new Error(`no database in ${usher.data}`);
  const db = new DatabaseSync(join(usher.data, name), { timeout: 5000 });
  try {
    db.prepare("UPDATE session SET auth_time = auth_time - ?").run(seconds * 1000);
  } finally {
    db.close();
  }
}
