import { HttpErrorResponse } from '@angular/common/http';
import { Component, input } from '@angular/core';
import { firstValueFrom, type Observable } from 'rxjs';

/** What a call of the API came to. */
export interface Answer {
  status: number;
  members: [name: string, value: string][];
}

/** Shows the answers of the API. */
@Component({
  selector: 'app-answers',
  template: `
    <div class="result" aria-live="polite">
      @for (answer of answers(); track $index) {
        <p class="outcome" [attr.data-status]="answer.status">{{ answer.status || 'No answer' }}</p>
        <dl>
          @for (member of answer.members; track member[0]) {
            <dt>{{ member[0] }}</dt><dd>{{ member[1] }}</dd>
          }
        </dl>
      }
    </div>
  `,
})
export class Answers {
  readonly answers = input.required<Answer[]>();
}

/** Makes an answer of a request's response, good or bad. */
export async function answerTo(request: Observable<unknown>): Promise<Answer> {
  try {
    return { status: 200, members: members(await firstValueFrom(request)) };
  } catch (error) {
    if (!(error instanceof HttpErrorResponse)) throw error;
    return { status: error.status, members: members(error.error) };
  }
}

/** A JSON object as names and texts; the claims that the API found in the token among them. */
function members(body: unknown): Answer['members'] {
  if (typeof body !== 'object' || body === null) return [];
  const { claims, ...rest } = body as Record<string, unknown>;
  const all = Object.entries({ ...rest, ...(claims as object | undefined) });
  return all.map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)]);
}
