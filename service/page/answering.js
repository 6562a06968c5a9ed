// From an input event to the drawn answer: asks, of changes close together the last, and measures how long it took.

import { Refused } from "./api.js";
import { setWaiting } from "./state.js";

/** A change that follows another this soon waits as long for the next one; one that stands alone is asked at once. */
const PAUSE_MILLISECONDS = 20;
/** What takes longer is waited for, and not asked anew with every step of a slider. */
const SLOW_MILLISECONDS = 300;
const AGAIN_MILLISECONDS = 5000;
/** After this one wonders whether anything happens. */
const LONG_MILLISECONDS = 500;

export class Answering {
  /** `ask` takes an AbortSignal and returns a function that draws; `refuse` is told what went wrong. */
  constructor(ask, refuse) {
    Object.assign(this, { ask, refuse, timer: 0, running: null, changed: 0, lasted: 0, next: null });
  }

  /** Ask soon; the event, where there was one, is when the measure `answer` begins. */
  soon(event) {
    clearTimeout(this.timer);
    if (this.running && this.lasted > SLOW_MILLISECONDS) {
      this.next = event ?? {};
      return;
    }
    this.running?.abort();
    const alone = performance.now() - this.changed > PAUSE_MILLISECONDS;
    this.changed = performance.now();
    this.timer = setTimeout(() => this.now(event?.timeStamp), alone ? 0 : PAUSE_MILLISECONDS);
  }

  stop() {
    clearTimeout(this.timer);
    this.next = null;
    this.running?.abort();
    setWaiting(false);
  }

  async now(since) {
    const running = new AbortController();
    const began = performance.now();
    const waiting = setTimeout(() => setWaiting(true), LONG_MILLISECONDS);
    this.running = running;
    try {
      const draw = await this.ask(running.signal);
      if (running.signal.aborted) return;
      this.lasted = performance.now() - began;
      draw();
      if (since !== undefined) measure(since);
    } catch (error) {
      if (!running.signal.aborted) this.fail(error instanceof Refused ? error : unexpected(error));
    } finally {
      clearTimeout(waiting);
      if (this.running === running) this.goOn();
    }
  }

  /** What may pass is asked again by itself. */
  fail(refused) {
    this.refuse(refused);
    const mayPass = refused.status === 0 || refused.status >= 500;
    if (mayPass) this.timer = setTimeout(() => this.now(), AGAIN_MILLISECONDS);
  }

  goOn() {
    const next = this.next;
    this.running = this.next = null;
    setWaiting(false);
    if (next) this.soon(next);
  }
}

function unexpected(error) {
  console.error(error);
  return new Refused(-1, { error: "page", message: `The page failed: ${error.message}` });
}

/** After the next frame: then it can be seen. */
function measure(since) {
  requestAnimationFrame(() =>
    setTimeout(() => performance.measure("answer", { start: since, end: performance.now() })),
  );
}
