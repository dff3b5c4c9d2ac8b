import { DatePipe } from '@angular/common';
import { HttpClient, HttpErrorResponse } from '@angular/common/http';
import { Component, computed, inject, signal } from '@angular/core';
import { firstValueFrom } from 'rxjs';
import { AssistantService } from './assistant.service';
import { CONFIG } from './config';

/** What a call of the API came to. */
interface Answer {
  status: number;
  members: [name: string, value: string][];
}

@Component({
  selector: 'app-root',
  imports: [DatePipe],
  templateUrl: './app.html',
})
export class App {
  private readonly http = inject(HttpClient);
  protected readonly config = inject(CONFIG);
  protected readonly assistant = inject(AssistantService);
  protected readonly session = this.assistant.session;
  protected readonly ready = computed(() => ['signed-in', 'signed-out'].includes(this.session().state));
  /** The button whose work is under way. */
  protected readonly busy = signal('');
  protected readonly answers = signal<Answer[]>([]);

  constructor() {
    void this.assistant.start();
  }

  protected async run(button: string, work: () => Promise<void>): Promise<void> {
    if (this.busy()) return;
    this.busy.set(button);
    await work().finally(() => this.busy.set(''));
  }

  /** Calls the API, several times at once where asked. */
  protected async call(times: number): Promise<void> {
    this.answers.set([]);
    this.answers.set(await Promise.all(Array.from({ length: times }, () => this.get())));
  }

  private async get(): Promise<Answer> {
    try {
      return { status: 200, members: members(await firstValueFrom(this.http.get(this.config.api))) };
    } catch (error) {
      if (!(error instanceof HttpErrorResponse)) throw error;
      return { status: error.status, members: members(error.error) };
    }
  }
}

/** A JSON object as names and texts; the claims that the API found in the token among them. */
function members(body: unknown): Answer['members'] {
  if (typeof body !== 'object' || body === null) return [];
  const { claims, ...rest } = body as Record<string, unknown>;
  const all = Object.entries({ ...rest, ...(claims as object | undefined) });
  return all.map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)]);
}
