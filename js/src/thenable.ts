import type { Callbacks, TokenError, UsherPromise } from "../assisted-token.d.ts";

/**
 * A promise whose every link also has jQuery's `done`, `fail` and `always`. It wraps a promise and
 * does not extend Promise: pages replace that class (zone.js does), and such classes lose subclasses.
 */
export class Thenable<T> implements UsherPromise<T> {
  readonly [Symbol.toStringTag] = "Promise";
  private readonly promise: Promise<T>;

  constructor(promise: Promise<T>) {
    this.promise = promise;
  }

  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((error: TokenError) => B | PromiseLike<B>) | null,
  ): Thenable<A | B> {
    return new Thenable(this.promise.then(fulfilled, rejected));
  }

  catch<B = never>(rejected?: ((error: TokenError) => B | PromiseLike<B>) | null): Thenable<T | B> {
    return this.then(null, rejected);
  }

  finally(settled?: (() => void) | null): Thenable<T> {
    return new Thenable(this.promise.finally(settled));
  }

  done(...callbacks: Callbacks<T>[]): this {
    this.listen(callbacks, []);
    return this;
  }

  fail(...callbacks: Callbacks<TokenError>[]): this {
    this.listen([], callbacks);
    return this;
  }

  always(...callbacks: Callbacks<T | TokenError>[]): this {
    this.listen(callbacks, callbacks);
    return this;
  }

  private listen(fulfilled: Callbacks<T>[], rejected: Callbacks<TokenError>[]): void {
    void this.promise.then(
      (value) => callAll(fulfilled, value),
      (error: TokenError) => callAll(rejected, error),
    );
  }
}

/** Calls them in order. What one throws is reported as any uncaught error is, and stops no other. */
function callAll<A>(callbacks: Callbacks<A>[], argument: A): void {
  for (const call of callbacks.reduce<((argument: A) => unknown)[]>((all, some) => all.concat(some), [])) {
    try {
      call(argument);
    } catch (error) {
      void Promise.reject(error);
    }
  }
}
