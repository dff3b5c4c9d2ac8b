import { DatePipe } from '@angular/common';
import { HttpClient } from '@angular/common/http';
import { Component, computed, inject, signal } from '@angular/core';
import { type Answer, Answers, answerTo } from './answers';
import { AssistantService } from './assistant.service';
import { CONFIG } from './config';

@Component({
  selector: 'app-root',
  imports: [Answers, DatePipe],
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
  protected readonly payments = signal<Answer[]>([]);

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
    const calls = Array.from({ length: times }, () => answerTo(this.http.get(this.config.api)));
    this.answers.set(await Promise.all(calls));
  }

  protected async pay(): Promise<void> {
    this.payments.set([]);
    this.payments.set([await answerTo(this.http.post(`${this.config.api}/payment`, null))]);
  }
}
