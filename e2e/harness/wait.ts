import { setTimeout as pause } from "node:timers/promises";

/** How long a condition may take to hold, in milliseconds, before the test fails. */
export const PATIENCE = 10_000;

/**
 * Asks until the answer is neither undefined, null nor false, and returns it. What the question throws
 * counts as "not yet" and is shown if time runs out.
 */
export async function until<T>(
  what: string,
  ask: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  patience: number = PATIENCE,
): Promise<T> {
  const end = Date.now() + patience;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${patience} ms; last: ${String(last)}`);
    await pause(25);
  }
}
