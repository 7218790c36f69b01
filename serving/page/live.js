// Follows the drawing: at most one request under way, the newest picture next, prediction first.

/**
 * `predict(source)` and `look(result)` are async. A newer source makes the older one's
 * layers superfluous: they are not asked for any more.
 */
export class Live {
  constructor({ predict, look, failed }) {
    Object.assign(this, { predict, look, failed });
    this.next = null;
    this.running = false;
  }

  follow(source) {
    this.next = source;
    if (!this.running) void this.run();
  }

  async run() {
    this.running = true;
    this.mark("busy");
    while (this.next) {
      const source = this.next;
      this.next = null;
      try {
        const result = await this.predict(source);
        if (!this.next) await this.look(result);
      } catch (error) {
        this.failed(error);
      }
    }
    this.running = false;
    this.mark("idle");
  }

  mark(state) {
    document.documentElement.dataset.state = state;
  }
}
