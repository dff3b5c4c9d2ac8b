import { Fragment, type ReactNode } from "react";

/** What a call of the API came to. */
export interface Answer {
  status: number;
  members: [name: string, value: string][];
}

/** Shows the answers of the API. */
export function Answers({ id, answers }: { id: string; answers: Answer[] }): ReactNode {
  return (
    <div className="result" id={id} aria-live="polite">
      {answers.map(({ status, members }, i) => (
        <Fragment key={i}>
          <p className="outcome" data-status={status}>{status || "No answer"}</p>
          <dl>
            {members.map(([name, value]) => (
              <Fragment key={name}><dt>{name}</dt><dd>{value}</dd></Fragment>
            ))}
          </dl>
        </Fragment>
      ))}
    </div>
  );
}

/** Makes an answer of a request's response, good or bad. */
export async function answerTo(request: Promise<Response>): Promise<Answer> {
  try {
    const response = await request;
    return { status: response.status, members: members(await response.json().catch(() => null)) };
  } catch {
    return { status: 0, members: [] };
  }
}

/** A JSON object as names and texts; the claims that the API found in the token among them. */
function members(body: unknown): Answer["members"] {
  if (typeof body !== "object" || body === null) return [];
  const { claims, ...rest } = body as Record<string, unknown>;
  const all = Object.entries({ ...rest, ...(claims as object | undefined) });
  return all.map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]);
}
