// Writes one line of JSON for each test, for npm_test.go to read.
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const error = type === "test:fail" ? (data.details.error.cause ?? data.details.error) : undefined;
    yield `${JSON.stringify({ name: data.name, millis: data.details.duration_ms, failure: error && inspect(error, { depth: 8 }) })}\n`;
  }
}
