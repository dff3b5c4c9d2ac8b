/** How long to wait for another tab. Locking saves work and is not needed for safety, so then go on. */
const PATIENCE = 5000;

const tails = new Map<string, Promise<unknown>>();

/** Runs one piece of work of this name at a time in this page, in the order asked for. */
export function inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
  const before = tails.get(name) ?? Promise.resolve();
  const turn = before.then(work);
  tails.set(
    name,
    turn.then(
      () => undefined,
      () => undefined,
    ),
  );
  return turn;
}

/** The same across the tabs of this origin, where the browser has locks (https and localhost only). */
export async function acrossTabs<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = (navigator as Partial<Navigator>).locks;
  if (!locks) return work();
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(), PATIENCE);
  let begun: Promise<T> | undefined;
  const begin = (): Promise<T> => {
    clearTimeout(timer);
    return (begun = work());
  };
  try {
    return await locks.request(name, { signal: waiting.signal }, begin);
  } catch {
    return begun ?? begin(); // the work's own error, or no lock to be had
  }
}

/** Gives callers who ask for the same thing at the same time the same promise. */
export class SharedWork<T> {
  private readonly underWay = new Map<string, Promise<T>>();

  share(key: string, work: () => Promise<T>): Promise<T> {
    const found = this.underWay.get(key);
    if (found) return found;
    const begun = work().finally(() => this.underWay.delete(key));
    this.underWay.set(key, begun);
    return begun;
  }
}
